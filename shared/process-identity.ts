/**
 * Which process a pid is: a pid alone may be reused, a pid with its start time is not. Reads /proc (Linux); where there
 * is none, a live pid is taken at its word.
 */
import { existsSync, readFileSync } from 'node:fs';

export interface ProcessIdentity {
  pid: number;
  /** Start time in clock ticks since boot (field 22 of /proc/PID/stat), or null where the system doesn't say. */
  startTicks: string | null;
}

/** The identity of a live process, or null when there is none of that pid (a zombie is none). */
export function identityOf(pid: number): ProcessIdentity | null {
  if (!existsSync('/proc/self/stat')) return isSignalable(pid) ? { pid, startTicks: null } : null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0] ?? 'X';
    return 'ZX'.includes(state) ? null : { pid, startTicks: fields[19] ?? null };
  } catch {
    return null;
  }
}

/** True while exactly this process lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now !== null && now.startTicks === identity.startTicks;
}

function isSignalable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
