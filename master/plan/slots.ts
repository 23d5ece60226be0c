/**
 * Who fills which slot. Each slot below `replicas` wants one live allocation of the wanted release, or one that is fine
 * as well (a tolerated release; while a rollout prepares, whatever serves). One that moves to another node holds its slot
 * until its successor serves. Everything else that is live is an extra.
 */
import type { Seen } from './seen.js';

export interface Slots {
  /** By slot, 0 to replicas − 1; null where an allocation is missing. */
  holders: (Seen | null)[];
  /** To take the slots of those that move, once they serve. */
  successors: Seen[];
  /** Live, and of no use in any slot. */
  extras: Seen[];
  /** Draining or stopping: it still has a container. */
  leaving: Seen[];
}

export interface Wish {
  /** Wanted copies; 0 for a service that is stopped or removed. */
  replicas: number;
  /** The release they should be of; null: none. */
  wanted: number | null;
  /** Which allocations of other releases may hold a slot that has none of the wanted one. */
  isAlsoFine: (seen: Seen) => boolean;
  /** Whether one that moves may be waited for; else it goes first, and holds nothing. */
  canStartFirst: boolean;
}

/** Deals the allocations out to the slots. */
export function slotsOf(seen: readonly Seen[], wish: Wish): Slots {
  const live = seen.filter((s) => s.isLive);
  const holders = Array.from({ length: wish.replicas }, (_, slot) =>
    holderOf(
      live.filter((s) => s.allocation.slot === slot && !s.isLost && (wish.canStartFirst || !s.isMoving)),
      wish,
    ),
  );
  const successors = live.filter((s) => isSuccessor(s, holders[s.allocation.slot] ?? null));
  return {
    holders,
    successors,
    extras: live.filter((s) => !holders.includes(s) && !successors.includes(s)),
    leaving: seen.filter((s) => !s.isLive && s.allocation.observed?.state !== 'gone'),
  };
}

function holderOf(candidates: readonly Seen[], wish: Wish): Seen | null {
  const wanted = candidates.filter((s) => s.allocation.release === wish.wanted);
  return best(wanted) ?? best(candidates.filter(wish.isAlsoFine));
}

/** Serving before settled before the rest, and of those one that stays; the oldest of equals. */
function best(candidates: readonly Seen[]): Seen | null {
  const sorted = [...candidates].sort((a, b) => Number(a.isMoving) - Number(b.isMoving));
  return sorted.find((s) => s.isServing) ?? sorted.find((s) => s.isSettled) ?? sorted[0] ?? null;
}

function isSuccessor(seen: Seen, holder: Seen | null): boolean {
  if (holder === null || holder === seen || seen.isLost) return false;
  return holder.isMoving && !seen.isMoving && seen.allocation.release === holder.allocation.release;
}
