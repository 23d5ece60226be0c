/** When a preview is over though its pull request was not heard to be closed. PURE. */
import { formatDuration } from '../../shared/duration.js';
import type { Service } from '../../shared/model.js';
import { expiresAtMs, type PreviewMark } from '../../shared/preview.js';

export interface PreviewFacts {
  mark: PreviewMark;
  /** The service that it is a copy of; null: there is none any more. */
  original: Pick<Service, 'desired' | 'spec'> | null;
  hasWebhook: boolean;
  /** When the newest rollout that a push began did so, ms; 0: none is known. */
  lastRolloutAtMs: number;
}

/** Why it goes now; `reason` null: it stays, until `atMs` at the longest. */
export function previewEnd(facts: PreviewFacts, nowMs: number): { reason: string | null; atMs: number } {
  const { mark, original, hasWebhook, lastRolloutAtMs } = facts;
  const atMs = expiresAtMs(mark, lastRolloutAtMs);
  if (original === null || original.desired === 'removed')
    return { reason: `its service ${mark.of} was removed`, atMs };
  if (!hasWebhook) return { reason: `its webhook ${mark.webhook} was removed`, atMs };
  const quiet = `nothing was pushed to pull request ${mark.number} for ${formatDuration(mark.ttlMs)}`;
  return { reason: nowMs >= atMs ? quiet : null, atMs };
}
