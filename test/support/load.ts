/**
 * Load with exact accounting: what was sent, what came back right, and the reason of everything else. It runs in a process
 * of its own (load-worker.ts), so that a busy test does not skew it, and never retries: a request that failed once counts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Where to: `domain` is the SNI name and Host, `caPem` the root that must have signed what answers. */
export interface LoadTarget {
  address: string;
  port: number;
  domain: string;
  caPem: string;
}

export type LoadKind = 'busy' | 'think' | 'fresh' | 'http2' | 'post' | 'slow' | 'sse' | 'socket';

/** How many of each run side by side; a kind that isn't named does not run. */
export type LoadMix = Partial<Record<LoadKind, number>>;

export interface LoadOptions {
  target: LoadTarget;
  mix: LoadMix;
  /** WebSockets and event streams end by themselves after this long and open anew. Default 3 s. */
  lifetimeMs?: number;
}

/** `sent` = `ok` + `failed` once the load has stopped. For sockets and streams: openings, and their unasked ends. */
export interface LoadCount {
  sent: number;
  ok: number;
  failed: number;
  /** Reason → how often. */
  reasons: Record<string, number>;
}

/** A WebSocket or event stream that ended though nobody here ended it. */
export interface Cut {
  kind: LoadKind;
  atMs: number;
  /** The container (its host name) that it was open on. */
  host: string;
  reason: string;
}

export interface LoadReport {
  counts: Partial<Record<LoadKind, LoadCount>>;
  /** The value of `x-release` → answers that carried it. */
  releases: Record<string, number>;
  cuts: Cut[];
  failed: number;
  sent: number;
}

export interface Load {
  /** What has been seen up to now. */
  report(): Promise<LoadReport>;
  /** Lets everything under way end, then answers the whole account. */
  stop(): Promise<LoadReport>;
}

/** All kinds at once, sized so that two cores keep room for what is tested. */
export const fullMix: LoadMix = {
  busy: 4,
  think: 8,
  fresh: 2,
  http2: 6,
  post: 2,
  slow: 4,
  sse: 5,
  socket: 20,
};

/** Starts the load; answers once every kind has had its first answer. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const worker = fork(fileURLToPath(new URL('load-worker.js', import.meta.url)), [], { stdio: 'inherit' });
  worker.send({ type: 'start', options });
  await answer(worker, 'started');
  return {
    report: () => ask(worker, 'report'),
    stop: async () => {
      const report = await ask(worker, 'stop');
      worker.disconnect();
      await once(worker, 'exit');
      return report;
    },
  };
}

/** The account in a few lines, for a failed assertion. */
export function describeLoad(report: LoadReport): string {
  const lines = Object.entries(report.counts).map(
    ([kind, { sent, failed, reasons }]) => `${kind}: ${failed} failed of ${sent} ${JSON.stringify(reasons)}`,
  );
  return [...lines, `releases: ${JSON.stringify(report.releases)}`].join('\n');
}

async function ask(worker: ChildProcess, type: 'report' | 'stop'): Promise<LoadReport> {
  worker.send({ type });
  return (await answer(worker, type)).report as LoadReport;
}

function answer(worker: ChildProcess, type: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: Record<string, unknown>): void => {
      if (message.type !== type) return;
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      resolve(message);
    };
    const onExit = (): void => reject(new Error(`the load process ended before its ${type}`));
    worker.on('message', onMessage);
    worker.on('exit', onExit);
  });
}
