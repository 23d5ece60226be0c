/**
 * The processes that belong to one Orca home, found by the home's path in their command line or environment: tests end what
 * they started, and nothing else, even after the program under test has forgotten it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { waitFor } from './wait-for.js';

export interface SeenProcess {
  pid: number;
  command: string[];
}

/**
 * Every process whose arguments or environment name this folder. Linux only (/proc). One that was forked and has not become
 * its program yet still shows its parent's arguments: it is no second one of its parent, and is left out.
 */
export function processesOf(home: string): SeenProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = commandOf(name);
      const named = [...command, ...readIfThere(`/proc/${name}/environ`).split('\0')].some((text) =>
        text.includes(home),
      );
      return named && command.length > 0 && !isForkOnly(name, command)
        ? [{ pid: Number(name), command }]
        : [];
    });
}

const commandOf = (pid: string): string[] => readIfThere(`/proc/${pid}/cmdline`).split('\0').slice(0, -1);

function isForkOnly(pid: string, command: readonly string[]): boolean {
  const parent = /^PPid:\s*(\d+)/m.exec(readIfThere(`/proc/${pid}/status`))?.[1] ?? '0';
  return commandOf(parent).join('\0') === command.join('\0');
}

export function isAlive(pid: number): boolean {
  // A zombie has ended; only its parent has not looked yet.
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat !== '' && !/\) Z /.test(stat);
}

/** SIGKILL, and waits until it has ended. */
export async function killHard(pid: number): Promise<void> {
  signal(pid, 'SIGKILL');
  await waitFor(`process ${pid} to end`, () => !isAlive(pid), { timeoutMs: 5_000, everyMs: 5 });
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already.
  }
}

/** The text of a file of /proc, or another that may be gone at any time; then it is empty. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
