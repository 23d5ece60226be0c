/**
 * The programs of a home that has joined (install.sh): `HOME/programs/agent-…`, and `HOME/program`, a link to the one that is
 * started. Which one runs, which one is next, and which ones are of no more use.
 */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Programs {
  folder: string;
  /** The name of the one that this process runs from. */
  own: string;
  pathOf(name: string): string;
  /** From the next start on it is this one; in one step. */
  choose(name: string): Promise<void>;
  chosen(): Promise<string>;
  /** Removes all but these, and those that something still runs from. */
  keepOnly(names: readonly string[]): Promise<void>;
}

/** Null: this agent was not started from there, or nobody would start it again once it ends. */
export function openPrograms(home: string, from = fileURLToPath(import.meta.url)): Programs | null {
  const folder = join(home, 'programs');
  const own = nameBelow(folder, from);
  if (own === null || !isKept(home)) return null;
  const link = join(home, 'program');
  const pathOf = (name: string): string => join(folder, name);
  return {
    folder,
    own,
    pathOf,
    async choose(name) {
      const next = join(folder, '.next');
      await rm(next, { force: true });
      await symlink(pathOf(name), next);
      await rename(next, link);
      // Of install.sh: what the agent that runs was started from is another one from now on.
      await rm(join(home, 'run', 'agent.started'), { force: true });
    },
    chosen: async () => basename(await readlink(link)),
    async keepOnly(names) {
      const running = commandLines();
      const old = readdirSync(folder).filter((one) => isProgram(one) && !names.includes(one));
      const unused = old.filter((one) => !running.includes(`${pathOf(one)}/`));
      for (const one of unused) await rm(pathOf(one), { recursive: true, force: true });
    },
  };
}

/** What was begun and never got a name is thrown away. */
const isProgram = (name: string): boolean => name.startsWith('agent-') || name.startsWith('.upgrade-');

function nameBelow(folder: string, file: string): string | null {
  try {
    const below = realpathSync(folder) + sep;
    const path = realpathSync(file);
    return path.startsWith(below) ? (path.slice(below.length).split(sep)[0] ?? null) : null;
  } catch {
    return null;
  }
}

/** By systemd, or by the keeper of install.sh. */
function isKept(home: string): boolean {
  if (process.env.INVOCATION_ID !== undefined && process.ppid === 1) return true;
  try {
    return Number(readFileSync(join(home, 'run', 'keeper.pid'), 'utf8')) === process.ppid;
  } catch {
    return false;
  }
}

function commandLines(): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => `${textOf(`/proc/${pid}/cmdline`)}\n${exeOf(pid)}`).join('\n');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function exeOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}
