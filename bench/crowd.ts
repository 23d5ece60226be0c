/**
 * A master alone in its process, and a crowd of agents in another, each with a certificate of its own: what a cluster of that
 * many nodes asks of one master.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { enrolNodes } from '../test/support/enrolled-nodes.js';
import { freePorts } from '../test/support/free-port.js';
import { request } from '../test/support/https-request.js';
import { waitFor } from '../test/support/wait-for.js';
import type { Taken } from './crowd-main.js';

export interface Crowd {
  readonly count: number;
  /** Calls the API, and answers with its JSON; any status but 2xx throws. */
  api(method: string, path: string, body?: object): Promise<unknown>;
  /** What was taken since the last call of this. */
  taken(): Taken[];
  /** Resolves with what was taken once `holds` says so of it; it is then forgotten. */
  until(what: string, holds: (taken: readonly Taken[]) => boolean, timeoutMs?: number): Promise<Taken[]>;
  /** SIGKILL, and a new master on the same home and port. */
  killMaster(): Promise<void>;
  startMaster(): Promise<void>;
  masterPid(): number;
  stop(): Promise<void>;
}

const cli = fileURLToPath(new URL('../cli/orca.js', import.meta.url));
const program = fileURLToPath(new URL('./crowd-main.js', import.meta.url));

/** Starts the master and the crowd, and waits until each agent has its first assignment. */
export async function startCrowd(count: number): Promise<Crowd> {
  const home = mkdtempSync(join(tmpdir(), 'orca-crowd-'));
  const folder = join(home, 'crowd');
  const [port = 0] = await freePorts(1);
  await enrolNodes(home, folder, count);
  let master: ChildProcess | null = null;
  let all: Taken[] = [];
  const startMaster = async (): Promise<void> => {
    const flags = ['--home', home, '--listen', `127.0.0.1:${port}`, '--no-agent'];
    const env = { ...process.env, ORCA_LOG_LEVEL: 'fatal' };
    master = spawn(process.execPath, [cli, 'server', ...flags], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  };
  const crowd: Crowd = {
    count,
    async api(method, path, body) {
      const token = readFileSync(join(home, 'cluster.token'), 'utf8').trim();
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const ca = readFileSync(join(home, 'ca.pem'));
      const at = {
        host: '127.0.0.1',
        port,
        method,
        path: `/api/v1${path}`,
        headers,
        ca,
        agent: false as const,
      };
      const answer = await request(at, body && JSON.stringify(body));
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
      return JSON.parse(answer.body);
    },
    taken() {
      const before = all;
      all = [];
      return before;
    },
    async until(what, holds, timeoutMs = 120_000) {
      await waitFor(what, () => holds(all), { timeoutMs });
      return crowd.taken();
    },
    startMaster,
    async killMaster() {
      if (!master) return;
      const ended = once(master, 'exit');
      master.kill('SIGKILL');
      await ended;
    },
    masterPid: () => master?.pid ?? 0,
    async stop() {
      agents.disconnect();
      await crowd.killMaster();
      rmSync(home, { recursive: true, force: true });
    },
  };
  await startMaster();
  const agents = fork(program, [`wss://127.0.0.1:${port}/agent`, folder, String(count)]);
  agents.on('message', (taken: Taken) => all.push(taken));
  await crowd.until('every agent to have its assignment', (taken) => agentsIn(taken) === count);
  return crowd;
}

export const agentsIn = (taken: readonly Taken[]): number => new Set(taken.map(({ agent }) => agent)).size;
