/**
 * What a node's silence means: nothing at first (its agent may only be starting again, and its containers serve on), then
 * it is unreachable, then lost. Only a report of its agent ends that. Pure.
 */
import type { Node, Presence } from '../../shared/model.js';

export interface PresenceTiming {
  /** Without a word for so long it is unreachable. */
  silenceMs: number;
  /** And for so long, counted from the same word, it is lost. */
  lostAfterMs: number;
}

/** How the node is to be judged now, and when time alone changes that. */
export function presenceOf(
  { awaySinceMs, presence }: Pick<Node, 'awaySinceMs' | 'presence'>,
  { silenceMs, lostAfterMs }: PresenceTiming,
  nowMs: number,
): { presence: Presence; wakeAtMs: number | null } {
  if (awaySinceMs === null || presence === 'lost') return { presence, wakeAtMs: null };
  const lostAtMs = awaySinceMs + Math.max(silenceMs, lostAfterMs);
  if (nowMs >= lostAtMs) return { presence: 'lost', wakeAtMs: null };
  const isSilent = presence === 'unreachable' || nowMs >= awaySinceMs + silenceMs;
  return isSilent
    ? { presence: 'unreachable', wakeAtMs: lostAtMs }
    : { presence, wakeAtMs: awaySinceMs + silenceMs };
}
