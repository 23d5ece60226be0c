/**
 * Runs the local agent as its own detached process: adopts one that runs already, starts it again when it dies (at
 * once after a long run, else after 0.5 s doubling to 30 s), and stops it on a graceful stop of the master only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import { childEnv } from './child-env.js';

export interface LocalAgent {
  /** Ends the agent with SIGTERM, and SIGKILL after 10 s. */
  stop(): Promise<void>;
}

export interface LocalAgentOptions {
  home: string;
  /** Its files changed since a running one has read them: end that one first. */
  restart: boolean;
  log: Log;
}

const WATCH_EVERY_MS = 500;
const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
const LONG_RUN_MS = 10_000;
const STOP_MS = 10_000;

export function runLocalAgent(options: LocalAgentOptions): LocalAgent {
  const stopping = new AbortController();
  const ended = watch(options, stopping.signal).catch((error) =>
    options.log.error({ error: messageOf(error) }, 'the local agent is no longer watched'),
  );
  return {
    async stop() {
      stopping.abort();
      await ended;
      await end(runningAgent(options.home));
    },
  };
}

async function watch({ home, restart, log }: LocalAgentOptions, stopping: AbortSignal): Promise<void> {
  let backoffMs = MIN_BACKOFF_MS;
  let adopted = runningAgent(home);
  if (adopted !== null && restart) {
    await end(adopted);
    adopted = null;
  }
  while (!stopping.aborted) {
    const startedAtMs = Date.now();
    const pid = adopted ?? (await start(home));
    log.info({ pid, adopted: adopted !== null }, 'the local agent runs');
    adopted = null;
    while (!stopping.aborted && isAgent(pid, home)) await pause(WATCH_EVERY_MS, stopping);
    if (stopping.aborted) return;
    backoffMs =
      Date.now() - startedAtMs > LONG_RUN_MS ? MIN_BACKOFF_MS : Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    log.warn({ pid, nextStartInMs: backoffMs }, 'the local agent died; see logs/agent.log');
    await pause(backoffMs, stopping);
  }
}

/** Starts it in a session of its own, so that it outlives the master; resolves with its pid. */
async function start(home: string): Promise<number> {
  mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o700 });
  const output = openSync(join(home, 'logs', 'agent.log'), 'a', 0o600);
  const program = fileURLToPath(new URL('../cli/orca.js', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [program, 'agent', '--home', home], {
    detached: true,
    stdio: ['ignore', output, output],
    cwd: home,
    env: childEnv(process.env),
  });
  closeSync(output);
  child.unref();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid ?? 0));
  });
}

/** The pid of the agent of this home, if one runs. */
function runningAgent(home: string): number | null {
  try {
    const pid = Number(readFileSync(join(home, 'agent', 'agent.pid'), 'utf8').trim());
    return Number.isInteger(pid) && pid > 1 && isAgent(pid, home) ? pid : null;
  } catch {
    return null;
  }
}

/** Pids are used again: only a process with this command line is our agent. A zombie has none. */
function isAgent(pid: number, home: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes('agent') && words.includes(home);
  } catch {
    return false;
  }
}

async function end(pid: number | null): Promise<void> {
  if (pid === null || !kill(pid, 'SIGTERM')) return;
  for (let waitedMs = 0; waitedMs < STOP_MS && kill(pid, 0); waitedMs += 50) await delay(50);
  kill(pid, 'SIGKILL');
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => {});
