/** Where the chain of the audit trail begins and ends, kept in `meta`, so that entries that are missing at either end are noticed. */
import type { AuditMark, Tables } from './tables.js';

export const AUDIT_HEAD = 'audit-head';
export const AUDIT_ANCHOR = 'audit-anchor';

/** Before the first entry. */
export const NO_ENTRY: AuditMark = { number: 0, hash: '0'.repeat(64) };

export const markIn = (tables: Pick<Tables, 'meta'>, key: string): AuditMark =>
  (tables.meta.get(key) as AuditMark | undefined) ?? NO_ENTRY;
