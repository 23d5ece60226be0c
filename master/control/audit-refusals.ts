/**
 * Refusals for the audit trail: the first of its kind in an hour is told at once, what equals it as one entry every ten minutes with their
 * number. Kinds are bounded, those of who has shown no token most: whoever knocks, from however many addresses, must not push out of the
 * trail (which holds so many entries) what others did.
 */
import type { AuditDraft } from '../../shared/api-audit.js';

export interface Refusals {
  add(draft: AuditDraft): void;
  /** Tells what is counted. */
  stop(): void;
}

const COUNT_EVERY_MS = 600_000;
const WINDOW_MS = 3_600_000;
/** Told apart in an hour; what is beyond is one kind more. */
export const MAX_KINDS = { nobody: 10, known: 50 };

interface Counted {
  draft: AuditDraft;
  more: number;
  sinceMs: number;
}

export function createRefusals(nowMs: () => number, tell: (draft: AuditDraft) => void): Refusals {
  const kinds = { nobody: new Map<string, Counted>(), known: new Map<string, Counted>() };
  const flush = (): void => {
    for (const counted of Object.values(kinds))
      for (const [key, one] of counted) {
        if (one.more > 0) tell({ ...one.draft, count: one.more });
        one.more = 0;
        if (nowMs() - one.sinceMs >= WINDOW_MS) counted.delete(key);
      }
  };
  const timer = setInterval(flush, COUNT_EVERY_MS).unref();
  return {
    add(draft) {
      const who = draft.kind === 'nobody' ? 'nobody' : 'known';
      const counted = kinds[who];
      const isBeyond = !counted.has(keyOf(draft)) && counted.size >= MAX_KINDS[who];
      const kind = isBeyond ? beyond(draft) : draft;
      const known = counted.get(keyOf(kind));
      if (known) known.more += 1;
      else {
        counted.set(keyOf(kind), { draft: kind, more: 0, sinceMs: nowMs() });
        tell(kind);
      }
    },
    stop() {
      clearInterval(timer);
      flush();
    },
  };
}

const keyOf = ({ kind, by, from, action, code, result }: AuditDraft): string =>
  JSON.stringify([kind, by, from, action, code, result]);

const beyond = ({ kind }: AuditDraft): AuditDraft => ({
  ...{ kind, by: 'many', from: null, via: null, action: 'many', path: null },
  ...{ result: 'refused', code: null, about: [], count: 1 },
  text: 'more kinds of refusals in an hour than are told apart',
});
