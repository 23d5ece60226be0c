/**
 * Both ends of the audit trail, sealed with the master's key, which is not in the store: whoever can write there alone, and cuts the trail at
 * its ends, is found out. What was not as it was sealed is never sealed again, so that it stays to be seen.
 */
import { canonicalJson } from '../../shared/fingerprint.js';
import { AUDIT_ANCHOR, AUDIT_HEAD, markIn, NO_ENTRY } from './audit-marks.js';
import { bindOfRow } from './sealed.js';
import type { Tables } from './tables.js';

/** In `meta`, as what is sealed is everywhere, so that a new key seals it anew. */
const AUDIT_SEAL = 'audit-seal';
const BIND = bindOfRow('meta', AUDIT_SEAL, 'sealed');

/** As the keyring does it. */
export interface Sealer {
  seal(plain: string, bind: string): string;
  /** Throws when it was sealed with another key, or for something else, or was changed. */
  unseal(sealed: string, bind: string): string;
}

export interface AuditSeal {
  /** From now on with this. `isFirst`: an earlier version sealed nothing. */
  begin(sealer: Sealer, isFirst: boolean): void;
  /** This home had a trail, and the store has nothing of it: it was lost, or somebody wiped it out. */
  isAnew(): boolean;
  /** Whether both ends are where they were sealed; true where nothing seals. */
  isWhole(): boolean;
  /** Runs a transaction's `body`, and seals anew what it has moved. */
  around<T>(body: () => T): T;
}

export function createAuditSeal(tables: Pick<Tables, 'meta'>): AuditSeal {
  let sealer: Sealer | null = null;
  let isAnew = false;
  const marks = (): string =>
    canonicalJson({ head: markIn(tables, AUDIT_HEAD), anchor: markIn(tables, AUDIT_ANCHOR) });
  const put = (text: string): void => {
    if (sealer) tables.meta.put(AUDIT_SEAL, { sealed: sealer.seal(text, BIND) });
  };
  const isSealed = (text: string): boolean => {
    if (sealer === null) return true;
    const row = tables.meta.get(AUDIT_SEAL) as { sealed?: unknown } | undefined;
    if (row === undefined) return isAnew && text === NO_MARKS;
    try {
      return typeof row.sealed === 'string' && sealer.unseal(row.sealed, BIND) === text;
    } catch {
      return false;
    }
  };
  return {
    begin(given, isFirst) {
      sealer = given;
      const isSealless = tables.meta.get(AUDIT_SEAL) === undefined;
      if (isFirst && isSealless) put(marks());
      isAnew = !isFirst && isSealless && marks() === NO_MARKS;
    },
    isAnew: () => isAnew,
    isWhole: () => isSealed(marks()),
    around(body) {
      const before = marks();
      const answer = body();
      const after = marks();
      if (after !== before && isSealed(before)) put(after);
      return answer;
    },
  };
}

/** Before the first entry. */
const NO_MARKS = canonicalJson({ head: NO_ENTRY, anchor: NO_ENTRY });
