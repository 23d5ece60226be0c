/**
 * Shortens the audit trail by its policy: what is older than `audit_retention`, and whatever is more than the trail may hold. The last entry
 * that goes stays as the anchor from which the rest is checked, and that it was done is an entry itself.
 */
import type { AuditDraft } from '../../shared/api-audit.js';
import type { Store } from '../store/store.js';

/** About 150 MB. */
export const MAX_ENTRIES = 250_000;
/** Removed in one commit. */
const STEP = 2_000;

/** Answers with how many went. */
export function pruneAudit(
  store: Store,
  retentionMs: number,
  nowMs: number,
  maxEntries = MAX_ENTRIES,
): number {
  const before = store.auditAnchor().number;
  const upTo = lastToGo(store, new Date(nowMs - retentionMs).toISOString(), maxEntries);
  for (let at = before; at < upTo; at += STEP) store.write((tx) => tx.pruneAudit(Math.min(at + STEP, upTo)));
  if (upTo > before)
    store.write((tx) => {
      const text = `entries ${before + 1} to ${upTo} were removed, as audit_retention says`;
      tx.addAudit({ ...told, text }, nowMs);
    });
  return Math.max(0, upTo - before);
}

/** The newest entry stays, whatever its age: the chain goes on from it. */
function lastToGo(store: Store, oldest: string, maxEntries: number): number {
  const { number: head } = store.auditHead();
  const { number: anchor } = store.auditAnchor();
  let upTo = Math.max(anchor, head - maxEntries);
  while (upTo + 1 < head && isOlder(store, upTo + 1, oldest)) upTo += 1;
  return upTo;
}

/** What can't be read is kept, for who looks. */
function isOlder(store: Store, number: number, oldest: string): boolean {
  try {
    const entry = store.auditEntry(number);
    return entry !== undefined && entry.at < oldest;
  } catch {
    return false;
  }
}

const told: Omit<AuditDraft, 'text'> = {
  ...{ kind: 'master', by: 'master', from: null, via: null, action: 'audit.prune', path: null },
  ...{ result: 'done', code: null, about: [], count: 1 },
};
