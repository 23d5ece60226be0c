/**
 * Secrets as files: on a tmpfs of the host, one folder an allocation, which nobody but the agent's user can enter; a container gets
 * each file alone, to be read only. Nothing of them is ever on a disk; a host that was started again has none, and they are written
 * again before a container is started. Some of these places are open to everybody: a folder there counts only when it is our own and
 * nobody else can enter it, whatever its name.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, lstatSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../shared/files.js';
import type { SecretFile } from './secrets.js';

export interface SecretFiles {
  /** Where each is, for the container's mounts. Throws where there is no tmpfs that it may write to. */
  write(allocation: string, files: readonly SecretFile[]): Promise<{ source: string; target: string }[]>;
  /** Removes those of all other allocations. Never throws: what can't be removed now is with the next look. */
  keep(allocations: ReadonlySet<string>): void;
}

export const noSecretFiles: SecretFiles = {
  write: async (_allocation, files) => {
    if (files.length > 0) throw new Error('this agent keeps no secrets as files');
    return [];
  },
  keep: () => undefined,
};

/** Each home has a folder of its own. `places`: folders to look for a tmpfs, the first that will do is taken. */
export function openSecretFiles(home: string, places: readonly string[] = tmpfsPlaces()): SecretFiles {
  const own = `orca-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`;
  const roots = places.map((place) => join(place, own));
  return {
    async write(allocation, files) {
      if (files.length === 0) return [];
      const place = places.find((one) => isUsable(one) && isOwnOrMade(join(one, own)));
      if (place === undefined)
        throw new Error(
          `secret_files need a tmpfs that the agent can write to; none of ${places.join(', ')} is one`,
        );
      if (!/^[\w-][\w.-]*$/.test(allocation))
        throw new Error('the id of the allocation is no name of a folder');
      const folder = join(place, own, allocation);
      if (!isOwn(folder)) mkdirSync(folder, { mode: 0o700 });
      return files.map(({ path, mode, value }, at) => {
        const source = join(folder, String(at));
        writeFileAtomic(source, value, mode);
        return { source, target: path };
      });
    },
    keep(allocations) {
      for (const root of roots.filter(isOwn))
        for (const name of namesIn(root)) if (!allocations.has(name)) remove(join(root, name));
    },
  };
}

/** A folder, no link to one, that is this user's and shut to all others. */
function isOwn(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  const isShut = found !== undefined && (found.mode & 0o077) === 0;
  return isShut && found.isDirectory() && found.uid === process.getuid?.();
}

function isOwnOrMade(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch {
    // It is there, or can't be made.
  }
  return isOwn(folder);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Still mounted somewhere, or somebody else's: it is tried again with the next look.
  }
}

const tmpfsPlaces = (): string[] =>
  ['/run', process.env.XDG_RUNTIME_DIR, '/dev/shm'].filter(
    (place) => place !== undefined && place !== '',
  ) as string[];

/** Linux's magic numbers of tmpfs and ramfs (statfs(2)). */
const IN_MEMORY = new Set([0x01021994, 0x858458f6]);

function isUsable(place: string): boolean {
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
    return IN_MEMORY.has(statfsSync(place).type);
  } catch {
    return false;
  }
}
