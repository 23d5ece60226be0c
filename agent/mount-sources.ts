/**
 * Where the mounts of a container really lead: symbolic links are followed before Docker is asked, and what leads out of the folders
 * that were allowed when the service was deployed is refused. A node may allow less than its cluster (`ORCA_ALLOWED_MOUNTS`): then
 * nothing else is mounted here, whatever the master says.
 *
 * Docker is given the path without links, so that changing a link later changes nothing. What is left: who can replace a folder of that
 * path by a link (a container with a writable mount around it) between this look and Docker's mount, within milliseconds.
 */
import { realpath } from 'node:fs/promises';
import { GUARDED_PATHS, isBelow, mountProblem } from '../shared/mount-rules.js';
import type { ContainerSpec } from '../shared/spec.js';
import { EngineError } from './engine.js';

/** What this node allows; `folders` null: what the cluster does. */
export interface MountLock {
  home: string;
  folders: readonly string[] | null;
}

/** `ORCA_ALLOWED_MOUNTS`: paths with `:` between them; empty: none. */
export function mountLock(home: string, env: Record<string, string | undefined>): MountLock {
  const text = env.ORCA_ALLOWED_MOUNTS;
  return { home, folders: text === undefined ? null : text.split(':').filter((path) => path !== '') };
}

/** The mounts with the paths that they lead to. Throws an EngineError (`refused`) for the first that may not be. */
export async function realMounts(
  { mounts, mountsWithin }: Pick<ContainerSpec, 'mounts' | 'mountsWithin'>,
  lock: MountLock,
): Promise<ContainerSpec['mounts']> {
  if (mountsWithin === undefined && lock.folders === null) return mounts;
  const within = mountsWithin && (await withReal(mountsWithin));
  const own = lock.folders && (await withReal(lock.folders));
  const guarded = await withReal([...GUARDED_PATHS, lock.home]);
  return Promise.all(
    mounts.map(async (mount) => {
      const real = await sourceOf(mount.source);
      if (within !== undefined)
        refuse(mount.source, real, { folders: within, guarded, whose: 'cluster.toml allows' });
      if (own !== null)
        refuse(mount.source, real, {
          folders: own,
          guarded,
          whose: 'this node allows (ORCA_ALLOWED_MOUNTS)',
        });
      return { ...mount, source: real };
    }),
  );
}

function refuse(
  source: string,
  real: string,
  { folders, guarded, whose }: { folders: readonly string[]; guarded: readonly string[]; whose: string },
): void {
  const problem = mountProblem(real, folders, guarded);
  if (problem === null) return;
  const leads = real === source ? source : `${source} leads to ${real}, which`;
  const around = folders.some((folder) => isBelow(real, folder)) ? `: ${problem.reason}` : '';
  throw new EngineError('refused', `${leads} is in no folder that ${whose}${around}; change mounts`);
}

/** Each as it is written, and where it leads. */
async function withReal(paths: readonly string[]): Promise<string[]> {
  const real = await Promise.all(paths.map(realOf));
  return [...new Set([...paths, ...real.filter((path) => path !== null)])];
}

/** Where a folder that was allowed leads; null: it is not there, and so allows nothing more. */
const realOf = (path: string): Promise<string | null> => realpath(path).catch(() => null);

/**
 * What can't be followed is refused, for whatever reason: Docker may still get there, by a path that is too long for this look, or through a
 * folder that this process does not see (`PrivateTmp`).
 */
async function sourceOf(source: string): Promise<string> {
  try {
    return await realpath(source);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new EngineError('refused', `${source} does not exist on this host; make it, or change mounts`);
    throw new EngineError(
      'refused',
      `where ${source} leads can't be seen (${code}), so that it is not mounted; change mounts`,
    );
  }
}
