/** A program of ours in a process of its own, and what it costs the machine: what must not grow. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { residentMb } from '../../bench/process-figures.js';

export interface Cost {
  residentMb: number;
  openFiles: number;
  /** Of all below its home but the log. */
  homeKiB: number;
  logKiB: number;
}

export interface LiveProgram {
  readonly home: string;
  readonly child: ChildProcess;
  start(command: string[], env?: Record<string, string>): void;
  cost(): Cost;
  log(): string;
  stop(): Promise<void>;
}

/** A home for it; nothing runs yet. */
export function liveProgram(): LiveProgram {
  const root = mkdtempSync(join(tmpdir(), 'orca-live-'));
  const home = join(root, 'home');
  const log = join(root, 'log');
  let child: ChildProcess | null = null;
  const running = (): ChildProcess => {
    if (!child || child.exitCode !== null || child.signalCode !== null)
      throw new Error(`it has ended: ${readFileSync(log, 'utf8').slice(-3_000)}`);
    return child;
  };
  return {
    home,
    get child() {
      return running();
    },
    start(command, env = {}) {
      const output = openSync(log, 'a');
      child = spawn(process.execPath, command, {
        env: { ...process.env, ...env },
        stdio: ['ignore', output, output],
      });
    },
    cost() {
      const { pid = 0 } = running();
      return {
        residentMb: residentMb(pid),
        openFiles: readdirSync(`/proc/${pid}/fd`).length,
        homeKiB: kibBelow(home),
        logKiB: statSync(log).size / 1_024,
      };
    },
    log: () => readFileSync(log, 'utf8'),
    async stop() {
      if (child && child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function kibBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => statSync(join(parentPath, name)).size / 1_024)
    .reduce((sum, size) => sum + size, 0);
}
