/**
 * When something first answers 200. Every side of every comparison is asked in the same way: a new connection each time, one
 * after the other, `PAUSE_MS` apart.
 */
import http from 'node:http';
import https from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';

/** Often enough to matter little against what is measured, seldom enough to leave the CPU to it. */
export const PAUSE_MS = 15;
const DEADLINE_MS = 90_000;

export interface Address {
  port: number;
  /** With it the request goes over HTTPS, to this name and trusting this CA only; without, over plain HTTP. */
  tls: { domain: string; caPem: string } | null;
}

/** Milliseconds since the epoch with fractions, steady within a run. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** The time (as of `now`) at which the head of the first 200 came in; an error after a minute and a half, or on abort. */
export async function firstAnswer(address: Address, signal?: AbortSignal): Promise<number> {
  const deadlineMs = now() + DEADLINE_MS;
  let last = 'nothing yet';
  while (now() < deadlineMs) {
    signal?.throwIfAborted();
    const seen = await statusOf(address).catch((error: Error) => error.message);
    if (seen === 200) return now();
    last = String(seen);
    await pause(PAUSE_MS);
  }
  throw new Error(`port ${address.port} did not answer 200 within ${DEADLINE_MS} ms; last: ${last}`);
}

function statusOf({ port, tls }: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    const common = { host: '127.0.0.1', port, path: '/', agent: false, timeout: 20_000 } as const;
    const sent = tls
      ? https.request({
          ...common,
          servername: tls.domain,
          ca: tls.caPem,
          headers: { host: `${tls.domain}:${port}` },
        })
      : http.request(common);
    sent.on('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 20 s')));
    sent.on('error', reject);
    sent.end();
  });
}
