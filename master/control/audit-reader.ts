/**
 * The audit trail as it is read and checked. A check goes from the anchor to the head: every entry is there, gives its own hash, and names
 * that of the one before. Everything is read in steps, so that nobody else waits for it.
 *
 * What this can't know: whoever can write to the store and has the master's key can write the whole chain anew, and whoever can write to the store
 * can put back all of it as it was before. Against that only a head helps that was kept elsewhere.
 */
import { setImmediate } from 'node:timers/promises';
import { type AuditEntry, type AuditVerdict, isBy } from '../../shared/api-audit.js';
import { OrcaError } from '../../shared/errors.js';
import { fingerprint } from '../../shared/fingerprint.js';
import type { Store } from '../store/store.js';
import type { AuditMark } from '../store/tables.js';

const STEP = 500;
const REPLACED = 'its hash is not the one that was kept elsewhere: the trail was written anew';
const MOVED =
  'where the trail begins and ends is not as the master sealed it: entries were cut off before the first or behind the last';

export interface AuditQuery {
  /** ISO; null: from the beginning. */
  since: string | null;
  by: string | null;
  limit: number;
}

/** The newest that fit, oldest first. */
export async function readAudit(store: Store, { since, by, limit }: AuditQuery): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  const { number: last } = store.auditHead();
  for (let number = last; number > store.auditAnchor().number && found.length < limit; number -= 1) {
    const entry = entryAt(store, number) ?? unreadable(number);
    if (since !== null && entry.at !== '' && entry.at < since) break;
    if (by === null || isBy(entry, by)) found.push(entry);
    if (number % STEP === 0) await setImmediate();
  }
  return found.reverse();
}

/** Those behind `number`, oldest first, so many at a time. */
export function auditAfter(store: Store, number: number, limit = STEP): AuditEntry[] {
  const from = Math.max(number, store.auditAnchor().number) + 1;
  const to = Math.min(store.auditHead().number, from + limit - 1);
  const numbers = Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
  return numbers.map((one) => entryAt(store, one) ?? unreadable(one));
}

/** `kept`: a head of before, which has to be in the chain. */
export async function verifyAudit(store: Store, kept: AuditMark | null): Promise<AuditVerdict> {
  const head = store.auditHead();
  const began = store.auditAnchor();
  if (kept !== null && kept.number < began.number)
    throw new OrcaError(
      'CONFLICT',
      `entry ${kept.number} was removed for its age, and so can't be compared`,
      {
        hint: `Compare with a later one: the trail begins behind entry ${began.number}.`,
      },
    );
  let last = began;
  let broken: AuditVerdict['broken'] = null;
  for (let number = began.number + 1; number <= head.number && !broken; number += 1) {
    if (number % STEP === 0) await setImmediate();
    const anchor = store.auditAnchor();
    if (number <= anchor.number) {
      // Removed for its age while this goes on.
      last = anchor;
      continue;
    }
    const reason = faultOf(store, number, last.hash);
    if (reason !== null) broken = { number, reason };
    else last = { number, hash: entryAt(store, number)?.hash ?? '' };
    if (!broken && kept?.number === number && kept.hash !== last.hash) broken = { number, reason: REPLACED };
  }
  broken ??= faultAtEnd(store, head, last, kept);
  if (!broken && !store.isAuditSealed()) broken = { number: store.auditHead().number, reason: MOVED };
  const entries = last.number - began.number;
  const anchor = began.number === 0 ? null : began;
  return { ok: broken === null, entries, first: entries === 0 ? 0 : began.number + 1, head, anchor, broken };
}

/** What is wrong with one; null: nothing. */
function faultOf(store: Store, number: number, previous: string): string | null {
  const entry = entryAt(store, number);
  if (entry === undefined) return isThere(store, number) ? 'it can not be read' : 'it is missing';
  if (entry.number !== number) return `it is entry ${entry.number}, put in its place`;
  const { hash, ...content } = entry;
  if (fingerprint(content) !== hash) return 'its content was changed: it does not give its hash';
  return entry.previous === previous ? null : 'it does not follow the entry before it, which was replaced';
}

function faultAtEnd(
  store: Store,
  head: AuditMark,
  last: AuditMark,
  kept: AuditMark | null,
): AuditVerdict['broken'] {
  if (kept !== null && kept.number === last.number && kept.hash !== last.hash)
    return { number: last.number, reason: REPLACED };
  if (head.number === last.number && head.hash !== last.hash)
    return { number: last.number, reason: 'the trail should end with another entry here' };
  // The head was put back, and the entries behind it are still there.
  if (isThere(store, head.number + 1) && store.auditHead().number === head.number)
    return { number: head.number + 1, reason: 'it is behind the end of the trail' };
  if (kept !== null && kept.number > head.number)
    return {
      number: head.number + 1,
      reason: `the trail ends before entry ${kept.number}, whose hash was kept`,
    };
  return null;
}

function isThere(store: Store, number: number): boolean {
  try {
    return store.auditEntry(number) !== undefined;
  } catch {
    return true;
  }
}

/** Undefined: it is missing, or no entry. */
function entryAt(store: Store, number: number): AuditEntry | undefined {
  try {
    const entry: unknown = store.auditEntry(number);
    return typeof entry === 'object' && entry !== null ? (entry as AuditEntry) : undefined;
  } catch {
    return undefined;
  }
}

const unreadable = (number: number): AuditEntry => ({
  ...{ number, at: '', kind: 'nobody', by: '', from: null, via: null, action: '', path: null },
  ...{ result: 'failed', code: null, about: [], count: 1, previous: '', hash: '' },
  text: 'this entry is missing or can not be read: run `orca audit --verify`',
});
