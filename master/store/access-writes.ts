/** Writes of who may do what, and of what they did. The audit trail is only added to at its end, and shortened at its beginning. */
import type { AuditDraft, AuditEntry } from '../../shared/api-audit.js';
import { fingerprint } from '../../shared/fingerprint.js';
import { AUDIT_ANCHOR, AUDIT_HEAD, markIn } from './audit-marks.js';
import type { Table } from './database.js';
import { padded, type Tables, type Token } from './tables.js';

export interface AccessWrites {
  putToken(token: Token): void;
  deleteToken(name: string): void;
  addAudit(draft: AuditDraft, atMs: number): AuditEntry;
  /** Removes the oldest entries up to that number; the chain then begins behind it. */
  pruneAudit(upTo: number): void;
}

interface Writes {
  put: <V>(table: Table<V>, key: string, value: V) => boolean;
  remove: <V>(table: Table<V>, key: string) => boolean;
}

export function accessWrites(tables: Tables, { put, remove }: Writes): AccessWrites {
  return {
    putToken(token) {
      put(tables.tokens, token.name, token);
    },
    deleteToken(name) {
      remove(tables.tokens, name);
    },
    addAudit(draft, atMs) {
      const head = markIn(tables, AUDIT_HEAD);
      const at = new Date(atMs).toISOString();
      const content = { ...draft, number: head.number + 1, at, previous: head.hash };
      const entry: AuditEntry = { ...content, hash: fingerprint(content) };
      put(tables.audit, padded(entry.number), entry);
      put<unknown>(tables.meta, AUDIT_HEAD, { number: entry.number, hash: entry.hash });
      return entry;
    },
    pruneAudit(upTo) {
      const { number: from } = markIn(tables, AUDIT_ANCHOR);
      const last = tables.audit.get(padded(upTo));
      if (!last || upTo <= from) return;
      for (let number = from + 1; number <= upTo; number += 1) remove(tables.audit, padded(number));
      put<unknown>(tables.meta, AUDIT_ANCHOR, { number: upTo, hash: last.hash });
    },
  };
}
