/**
 * A companion: a detached process that outlives the agent (Caddy, the resolver). It is known by a pid file that holds
 * its pid and start time, so that a restarted agent adopts it and a reused pid is never mistaken for it.
 *
 * Promises: at most one is started while one lives; a death is noticed within 250 ms; quick deaths back off up to 5 s,
 * unless they were asked for (SIGTERM).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { identityOf, isAlive, type ProcessIdentity } from '../shared/process-identity.js';
import { readJsonFile, tryWriteJsonFile } from './json-file.js';

export interface CompanionOptions {
  pidFile: string;
  /** Its stdout and stderr of the last start. */
  outFile: string;
  /** Called when it died, whoever started it. */
  onExit: () => void;
}

export interface Command {
  file: string;
  args: string[];
  env: NodeJS.ProcessEnv;
}

export interface Companion {
  /** The live process, ours or adopted, or null. */
  identity(): ProcessIdentity | null;
  /** Starts it unless one lives or a back-off runs; false: not now. Throws when the program can't be run at all. */
  start(command: Command): boolean;
  /** Records a process found by other means (it answered on its socket), so that it is adopted. */
  adopt(pid: number): void;
  kill(signal: NodeJS.Signals): void;
  /** When the back-off ends, ms since the epoch; 0: none. */
  notBeforeMs(): number;
  /** The last lines it printed: why it died. */
  lastOutput(): string;
  /** Stops watching; the process goes on. */
  stop(): void;
}

const WATCH_MS = 250;
const STEADY_MS = 10_000;
const MAX_BACKOFF_MS = 5_000;

/** Adopts what the pid file names, if it lives, and watches from then on. */
export function createCompanion(options: CompanionOptions): Companion {
  let known = savedIdentity(options.pidFile);
  let startedAtMs = 0;
  let quickDeaths = 0;
  let notBeforeMs = 0;
  let isAsked = false;

  const died = (): void => {
    known = null;
    const livedMs = Date.now() - startedAtMs;
    quickDeaths = livedMs < STEADY_MS && !isAsked ? quickDeaths + 1 : 0;
    isAsked = false;
    const waitMs = quickDeaths <= 1 ? 0 : Math.min(MAX_BACKOFF_MS, 100 * 2 ** quickDeaths);
    notBeforeMs = Date.now() + waitMs;
    options.onExit();
  };
  const check = (): void => {
    if (known && !isAlive(known)) died();
  };
  const remember = (pid: number): void => {
    known = identityOf(pid);
    // Without the file (a full disk) it is watched all the same, and a next agent finds it by its socket.
    if (known) tryWriteJsonFile(options.pidFile, known);
  };
  const timer = setInterval(check, WATCH_MS);

  return {
    identity() {
      check();
      return known;
    },
    start(command) {
      if (known || Date.now() < notBeforeMs) return false;
      startedAtMs = Date.now();
      const child = spawnDetached(command, options.outFile);
      child.on('exit', check);
      child.on('error', () => {});
      if (child.pid === undefined) throw new Error(`cannot run ${command.file}`);
      remember(child.pid);
      if (!known) died();
      return true;
    },
    adopt: remember,
    kill(signal) {
      if (!known || !isAlive(known)) return;
      isAsked = signal === 'SIGTERM';
      process.kill(known.pid, signal);
    },
    notBeforeMs: () => notBeforeMs,
    lastOutput: () => tail(options.outFile),
    stop: () => clearInterval(timer),
  };
}

/** Whether the process that a pid file names lives. */
export function isCompanionAlive(pidFile: string): boolean {
  return savedIdentity(pidFile) !== null;
}

function spawnDetached(command: Command, outFile: string): ChildProcess {
  const out = openSync(outFile, 'w', 0o600);
  try {
    const child = spawn(command.file, command.args, {
      detached: true,
      stdio: ['ignore', out, out],
      env: command.env,
      cwd: '/',
    });
    child.unref();
    return child;
  } finally {
    closeSync(out);
  }
}

function savedIdentity(pidFile: string): ProcessIdentity | null {
  const saved = readJsonFile(pidFile) as Partial<ProcessIdentity> | null;
  if (typeof saved?.pid !== 'number') return null;
  const identity = { pid: saved.pid, startTicks: saved.startTicks ?? null };
  return isAlive(identity) ? identity : null;
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').slice(-3).join('\n');
  } catch {
    return '';
  }
}
