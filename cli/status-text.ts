/** The status of a service in its colour, and why it is so. */
import type { ServiceStatus } from '../shared/api.js';
import type { PendingView } from '../shared/api-builds.js';
import type { Colors } from './output.js';
import { localTime, since } from './time.js';

export function statusText(status: ServiceStatus['status'], colors: Colors): string {
  if (status === 'running') return colors.green(status);
  if (status === 'failed') return colors.red(status);
  return status === 'stopped' ? colors.dim(status) : colors.yellow(status);
}

/** Whose preview it is, and until when at the longest; null: it is none. */
export function previewText({ preview }: ServiceStatus): string | null {
  if (!preview) return null;
  const { of, repo, number, commit, expires_at } = preview;
  return `preview of ${of} for ${repo}#${number} at ${commit.slice(0, 7)}, until ${localTime(expires_at)} unless it is pushed to`;
}

/** Why the status is what it is; of maintenance also for how long. */
export function reasonText(
  { status, reason, maintenance, pending = [] }: ServiceStatus,
  nowMs: number,
): string {
  if (status !== 'paused' || maintenance === null) {
    // What a rollout waits for is in its reason already.
    const pushes = pending.filter(({ kind }) => kind === 'push').map((one) => `push ${pendingText(one)}`);
    return [...(reason === null ? [] : [reason]), ...pushes].join('; ');
  }
  const { by, message, since: at } = maintenance;
  return `in maintenance for ${since(at, nowMs)} by ${by}: ${message}`;
}

/** `1a2b3c4 waits a moment for further pushes (d-…)`. */
export function pendingText({ id, commit, reason }: PendingView): string {
  return `${[commit?.slice(0, 7), reason].filter((part) => part != null).join(' ')} (${id})`;
}
