/** Whose answers come back: many requests over eight connections that stay open, counted by the app's `x-release`. */
import https from 'node:https';
import { request } from '../test/support/https-request.js';
import type { LoadTarget } from '../test/support/load.js';

const SOCKETS = 8;
const LATE_MS = 2_000;

export interface ReleaseCount {
  /** The value of `x-release` → answers with 200 that carried it. */
  releases: Record<string, number>;
  answers: number;
  /** Other statuses, and broken connections. */
  failed: number;
}

/** Asks for `/` so many times, fewer when `endMs` (as of Date.now) comes first. */
export async function countReleases(
  { address, port, domain, caPem }: LoadTarget,
  requests: number,
  endMs: number,
): Promise<ReleaseCount> {
  const agent = new https.Agent({ keepAlive: true, maxSockets: SOCKETS, ca: caPem });
  const options = { host: address, port, path: '/', servername: domain, agent };
  const headers = { host: `${domain}:${port}` };
  const count: ReleaseCount = { releases: {}, answers: 0, failed: 0 };
  let left = requests;
  const ask = async () => {
    while (left > 0 && Date.now() < endMs) {
      left -= 1;
      const answer = await request({ ...options, headers }).catch(() => null);
      if (answer?.status !== 200) {
        count.failed += 1;
        continue;
      }
      const release = String(answer.headers['x-release']);
      count.releases[release] = (count.releases[release] ?? 0) + 1;
      count.answers += 1;
    }
  };
  // What hangs must not hold up the rest: it counts as failed.
  const late = setTimeout(() => agent.destroy(), Math.max(0, endMs - Date.now()) + LATE_MS);
  try {
    await Promise.all(Array.from({ length: SOCKETS }, ask));
  } finally {
    clearTimeout(late);
    agent.destroy();
  }
  return count;
}
