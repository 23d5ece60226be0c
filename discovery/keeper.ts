/**
 * Keeps the companion alive and gives it the newest of what it is to serve.
 *
 * Promises: one that died is followed within a second (by its standby at once), one that is alive but silent is killed first.
 */
import { fileURLToPath } from 'node:url';
import { createCompanion } from '../proxy-config/companion.js';
import { exchange } from '../proxy-config/control-client.js';
import { messageOf } from '../shared/errors.js';
import type { Served } from './served.js';
import type { ServerReply } from './server.js';

export type Answer = Extract<ServerReply, { ok: true }>;

export interface KeeperPaths {
  directory: string;
  socket: string;
  pid: string;
  out: string;
}

export interface Keeper {
  /** Makes sure that it runs with `dns` as its address; what it says, or null with the reason in `reason()`. Never throws. */
  ensure(dns: string): Promise<Answer | null>;
  /** Publishes unless it serves exactly this already; what it then says. Rejects when it can't. */
  publish(served: Served): Promise<Answer>;
  reason(): string | null;
  /** When a start that was put off may be tried, ms since the epoch; 0: none. */
  notBeforeMs(): number;
  /** Ends it. */
  end(): void;
  /** Stops the watching; it goes on. */
  stop(): void;
}

const START_MS = 5_000;
/** Its connections end with it: a busy moment must not be taken for silence. */
const PING_MS = 2_000;
const PUBLISH_MS = 3_000;
const SILENT_TIMES = 3;
const WHO = 'what serves names';

export function createKeeper(paths: KeeperPaths, onExit: () => void): Keeper {
  const companion = createCompanion({ pidFile: paths.pid, outFile: paths.out, onExit });
  let last: Answer | null = null;
  let published: { pid: number; revision: number; json: string } | null = null;
  let silent = 0;
  let reason: string | null = null;

  const ask = async (message: object, timeoutMs: number): Promise<Answer> => {
    const reply = await exchange<ServerReply>(paths.socket, { message, timeoutMs, who: WHO });
    if (!reply.ok) throw new Error(`${WHO} refused: ${reply.reason}`);
    return reply;
  };
  const ping = async (): Promise<Answer> => {
    last = await ask({ op: 'ping' }, PING_MS);
    if (companion.identity()?.pid !== last.pid) companion.adopt(last.pid);
    silent = 0;
    reason = last.problem;
    return last;
  };
  const started = async (dns: string): Promise<Answer | null> => {
    const program = fileURLToPath(new URL('./discovery-main.js', import.meta.url));
    const args = ['--max-old-space-size=128', '--max-semi-space-size=1', program, paths.directory, dns];
    companion.start({
      file: process.execPath,
      args,
      env: { PATH: process.env.PATH, NODE_ENV: 'production' },
    });
    const giveUpAtMs = Date.now() + START_MS;
    while (companion.identity() && Date.now() < giveUpAtMs) {
      const answer = await ping().catch(() => null);
      if (answer) return answer;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    reason = `${WHO} does not start: ${companion.lastOutput().slice(-500)}`;
    return null;
  };
  return {
    async ensure(dns) {
      try {
        const answer = await ping();
        if (answer.dns === dns) return answer;
        // It has another address from now on: the range was changed.
        companion.kill('SIGTERM');
        reason = `${WHO} moves to ${dns}`;
        return null;
      } catch (error) {
        if (!companion.identity()) return started(dns);
        silent += 1;
        reason = messageOf(error);
        if (silent >= SILENT_TIMES) companion.kill('SIGKILL');
        return null;
      }
    },
    async publish(served) {
      const json = JSON.stringify(served);
      const isSame = published?.json === json && published.pid === last?.pid;
      if (last && isSame && published?.revision === last.revision) return last;
      last = await ask({ op: 'publish', revision: (last?.revision ?? 0) + 1, served }, PUBLISH_MS);
      published = { pid: last.pid, revision: last.revision, json };
      return last;
    },
    reason: () => reason,
    notBeforeMs: () => companion.notBeforeMs(),
    end: () => companion.kill('SIGTERM'),
    stop: () => companion.stop(),
  };
}
