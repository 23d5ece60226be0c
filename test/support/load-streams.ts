/**
 * What the load holds open: event streams and WebSockets, each for a lifetime, each with a proof of life. One that ends
 * though nobody here ended it is a cut, kept with its time and the container it was open on.
 */
import https from 'node:https';
import WebSocket from 'ws';
import type { Cut, LoadOptions, LoadReport } from './load.js';

export interface Context {
  options: LoadOptions;
  report: LoadReport;
  stopping: AbortSignal;
}

/** One request, or one stream from its opening to its end; throws when anything is not as it must be. */
export type Once = () => Promise<void>;

/** Holds one event stream for its lifetime; each event must come within 5 s. */
export function eventStream(context: Context): Once {
  return () =>
    new Promise((resolve, reject) => {
      const request = https.request(requestOptions(context, { path: '/sse?ms=300', agent: false }));
      const end = timer(context, () => {
        resolve();
        request.destroy();
      });
      request.on('response', (response) => {
        const fail = (reason: string): void =>
          cut(context, 'sse', response.headers['x-host'], reason, reject);
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`));
        let silence = setTimeout(() => fail('silent for 5 s'), 5_000);
        response.on('data', () => {
          clearTimeout(silence);
          silence = setTimeout(() => fail('silent for 5 s'), 5_000);
        });
        response.on('close', () => clearTimeout(silence));
        response.on('end', () => {
          if (end.live()) fail('ended');
        });
        response.on('error', (error) => {
          if (end.live()) fail(error.message);
        });
      });
      request.on('error', (error) => {
        if (end.live()) reject(error);
      });
      request.end();
    });
}

/** Holds one WebSocket for its lifetime, with an echo every 300 ms that must come back within 5 s. */
export function webSocket(context: Context): Once {
  const { address, port, domain, caPem } = context.options.target;
  // ws hands these on to tls.connect, which its types don't say of `servername`.
  const tls: WebSocket.ClientOptions & { servername: string } = {
    ca: caPem,
    servername: domain,
    headers: { host: `${domain}:${port}` },
  };
  return () =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`wss://${address}:${port}/ws`, tls);
      let host: string | string[] | undefined;
      let sentAtMs = 0;
      const beat = setInterval(() => {
        if (sentAtMs !== 0 && Date.now() - sentAtMs > 5_000) socket.terminate();
        if (sentAtMs !== 0 || socket.readyState !== WebSocket.OPEN) return;
        sentAtMs = Date.now();
        socket.send('echo');
      }, 300);
      const end = timer(context, () => {
        if (socket.readyState === WebSocket.OPEN) socket.close(1000);
        else socket.on('open', () => socket.close(1000));
      });
      socket.on('upgrade', (response) => {
        host = response.headers['x-host'];
      });
      socket.on('message', () => {
        sentAtMs = 0;
      });
      socket.on('error', (error) => {
        if (host === undefined) reject(error);
      });
      socket.on('close', (code) => {
        clearInterval(beat);
        if (!end.live()) resolve();
        else if (host === undefined) reject(new Error(`closed with ${code} before it was open`));
        else cut(context, 'socket', host, `closed with ${code}`, reject);
      });
    });
}

function cut(
  context: Context,
  kind: Cut['kind'],
  host: string | string[] | undefined,
  reason: string,
  reject: (error: Error) => void,
): void {
  context.report.cuts.push({ kind, atMs: Date.now(), host: String(host), reason });
  reject(new Error(reason));
}

/** Calls `then` at the end of the lifetime, or soon after the load was told to stop; `live` is true until then. */
function timer(context: Context, then: () => void): { live: () => boolean } {
  let live = true;
  const finish = (): void => {
    if (!live) return;
    live = false;
    clearTimeout(timeout);
    context.stopping.removeEventListener('abort', finish);
    then();
  };
  const lifetimeMs = context.options.lifetimeMs ?? 3_000;
  const timeout = setTimeout(finish, lifetimeMs * (0.75 + Math.random() / 2));
  context.stopping.addEventListener('abort', finish);
  return {
    live: () => {
      const was = live;
      live = false;
      clearTimeout(timeout);
      context.stopping.removeEventListener('abort', finish);
      return was;
    },
  };
}

/** Options of a request to the target, with its own SNI name, Host and root. */
export function requestOptions({ options }: Context, more: https.RequestOptions): https.RequestOptions {
  const { address, port, domain, caPem } = options.target;
  const headers = { host: `${domain}:${port}`, ...more.headers };
  return { host: address, port, servername: domain, ca: caPem, ...more, headers };
}
