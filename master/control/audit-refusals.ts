/**
 * Refusals for the audit trail: the first of its kind in an hour is told at once, what equals it as one entry every ten minutes with their
 * number. Kinds are bounded, those of who has shown no token most: whoever knocks, from however many addresses, must not push out of the
 * trail (which holds so many entries) what others did. Nor may one who has a token use up what another's refusals are told apart by.
 */
import type { AuditDraft } from '../../shared/api-audit.js';

export interface Refusals {
  add(draft: AuditDraft): void;
  /** Tells what is counted. */
  stop(): void;
}

const COUNT_EVERY_MS = 600_000;
const WINDOW_MS = 3_600_000;
/** Told apart in an hour, of nobody and of each who is known; what is beyond is one kind more. */
export const MAX_KINDS = { nobody: 10, known: 50 };
/** Names and tokens are made by admins, so that this is many. */
const MAX_KNOWN = 1_000;

interface Counted {
  draft: AuditDraft;
  more: number;
  sinceMs: number;
}

export function createRefusals(nowMs: () => number, tell: (draft: AuditDraft) => void): Refusals {
  /** By who: what is counted of them, by its kind. */
  const kinds = new Map<string, Map<string, Counted>>();
  const flush = (): void => {
    for (const [who, counted] of kinds) {
      for (const [key, one] of counted) {
        if (one.more > 0) tell({ ...one.draft, count: one.more });
        one.more = 0;
        if (nowMs() - one.sinceMs >= WINDOW_MS) counted.delete(key);
      }
      if (counted.size === 0) kinds.delete(who);
    }
  };
  const countedOf = (who: string): Map<string, Counted> => {
    const place = kinds.has(who) || kinds.size < MAX_KNOWN ? who : 'others';
    const counted = kinds.get(place) ?? new Map<string, Counted>();
    kinds.set(place, counted);
    return counted;
  };
  const timer = setInterval(flush, COUNT_EVERY_MS).unref();
  return {
    add(draft) {
      const isNobody = draft.kind === 'nobody';
      const counted = countedOf(isNobody ? 'nobody' : `${draft.kind} ${draft.by}`);
      const most = isNobody ? MAX_KINDS.nobody : MAX_KINDS.known;
      const isBeyond = !counted.has(keyOf(draft)) && counted.size >= most;
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

/** With its words: that a revoked token is in use is another thing than that none was sent. */
const keyOf = ({ from, action, path, code, result, text }: AuditDraft): string =>
  JSON.stringify([from, action, path, code, result, text]);

const beyond = ({ kind, by }: AuditDraft): AuditDraft => ({
  ...{ kind, by: kind === 'nobody' ? 'many' : by, from: null, via: null, action: 'many', path: null },
  ...{ result: 'refused', code: null, about: [], count: 1 },
  text: 'more kinds of refusals in an hour than are told apart',
});
