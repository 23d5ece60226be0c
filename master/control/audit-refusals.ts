/** Refusals for the audit trail: the first of its kind is told at once, what equals it within a minute as one entry with their number. */
import type { AuditDraft } from '../../shared/api-audit.js';

export interface Refusals {
  add(draft: AuditDraft): void;
  /** Tells what is counted. */
  stop(): void;
}

export const COALESCE_MS = 60_000;
/** Kinds that are told apart in a minute; what is beyond them is one kind more. */
const MAX_KINDS = 200;

export function createRefusals(nowMs: () => number, tell: (draft: AuditDraft) => void): Refusals {
  const counted = new Map<string, { draft: AuditDraft; more: number; sinceMs: number }>();
  const flush = (isOver: (sinceMs: number) => boolean): void => {
    for (const [key, { draft, more, sinceMs }] of counted) {
      if (!isOver(sinceMs)) continue;
      counted.delete(key);
      if (more > 0) tell({ ...draft, count: more });
    }
  };
  const timer = setInterval(
    () => flush((sinceMs) => nowMs() - sinceMs >= COALESCE_MS),
    COALESCE_MS / 4,
  ).unref();
  return {
    add(draft) {
      const isNew = !counted.has(keyOf(draft));
      const kind = isNew && counted.size >= MAX_KINDS ? beyond : draft;
      const known = counted.get(keyOf(kind));
      if (known) known.more += 1;
      else {
        counted.set(keyOf(kind), { draft: kind, more: 0, sinceMs: nowMs() });
        tell(kind);
      }
    },
    stop() {
      clearInterval(timer);
      flush(() => true);
    },
  };
}

const keyOf = ({ kind, by, from, action, code, result }: AuditDraft): string =>
  JSON.stringify([kind, by, from, action, code, result]);

const beyond: AuditDraft = {
  ...{ kind: 'nobody', by: 'many', from: null, via: null, action: 'many', path: null },
  ...{ result: 'refused', code: null, about: [], count: 1 },
  text: 'more kinds of refusals in a minute than are told apart',
};
