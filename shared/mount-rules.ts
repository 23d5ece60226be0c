/**
 * Which paths of a host a service may mount. The owner of the cluster names folders (`allowed_mounts`); a mount lies in one of them,
 * or is refused. Places that give the host away are allowed only by their own names: a folder that lies around one does not
 * allow it, and can't be mounted with it inside. Paths are compared as they are written, after `..` and doubled slashes; that no
 * symbolic link leads out of the folders is for the node to look at, when it makes the container.
 */
import { posix } from 'node:path';

/** What is never allowed by a folder around it: the kernel's, sockets of the host (Docker's too), and where containers' files are. */
export const GUARDED_PATHS: readonly string[] = [
  '/dev',
  '/proc',
  '/run',
  '/sys',
  '/var/lib/containerd',
  '/var/lib/docker',
  '/var/lib/orca',
];

/** Without `..`, doubled and trailing slashes; `/var/run` is `/run` (FHS 3.0, 5.13). */
export function hostPath(path: string): string {
  const plain = posix.normalize(path).replace(/(?<=.)\/+$/, '');
  return /^\/var\/run(\/|$)/.test(plain) ? plain.slice('/var'.length) : plain;
}

/** The same path, or one below it. Both as `hostPath` gives them. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** Why it may not be mounted, and what would have to be allowed for it; null: it may. */
export function mountProblem(
  source: string,
  allowed: readonly string[],
  guarded: readonly string[] = GUARDED_PATHS,
): { reason: string; wanted: string } | null {
  const path = hostPath(source);
  const folders = allowed.map(hostPath);
  // Who allows this has given everything away, by its name.
  if (folders.includes('/')) return null;
  const around = folders.filter((folder) => isBelow(path, folder));
  if (around.length === 0) return { reason: 'no folder that is allowed holds it', wanted: path };
  for (const place of guarded.map(hostPath)) {
    const isNamed = (folder: string): boolean => isBelow(folder, place);
    if (isBelow(path, place) && !around.some(isNamed))
      return { reason: `what is in ${place} is allowed by its own name only`, wanted: path };
    if (path !== place && isBelow(place, path) && !folders.includes(place))
      return { reason: `${place} lies in it, and is allowed by its own name only`, wanted: place };
  }
  return null;
}
