/**
 * Copies that were told to leave and are wanted again, as when a promotion is rolled back while stable drains: those that still run
 * and are healthy are taken back, instead of making new ones beside them. Pure. Nothing can be lost by that: an assignment is complete, so
 * that an ingress gives such a copy its records back in the same publication in which it takes them from another; and what was told to
 * stop is never taken back.
 */
import type { Intent } from './intent.js';
import type { Seen } from './seen.js';
import type { Slots } from './slots.js';
import type { Action } from './snapshot.js';

export interface TakenBack {
  /** With those that were taken back in their slots. */
  slots: Slots;
  actions: Action[];
}

/** One for each slot of stable that nobody holds. `stopping`: ids of those that are told to stop in this very pass. */
export function takeBack(slots: Slots, intent: Intent, stopping: ReadonlySet<string>): TakenBack {
  if (intent.group !== 'stable' || intent.wanted === null) return { slots, actions: [] };
  const wanted = intent.wanted.number;
  const able = slots.leaving.filter((s) => isAble(s, wanted) && !stopping.has(s.allocation.id));
  const holders = slots.holders.map((holder, slot) => {
    const found = holder === null ? able.find((s) => s.allocation.slot === slot) : undefined;
    return found ? back(found) : holder;
  });
  const taken = holders.filter((holder) => holder !== null && !slots.holders.includes(holder));
  const ids = new Set(taken.map((s) => s?.allocation.id));
  const leaving = slots.leaving.filter((s) => !ids.has(s.allocation.id));
  return { slots: { ...slots, holders, leaving }, actions: taken.flatMap((s) => (s ? [action(s)] : [])) };
}

function isAble({ allocation, isHealthy, isLost, isMoving }: Seen, wanted: number): boolean {
  const { desired, release } = allocation;
  return desired === 'draining' && release === wanted && isHealthy && !isLost && !isMoving;
}

function back(seen: Seen): Seen {
  const desired = seen.isWeb ? ('routed' as const) : ('running' as const);
  const allocation = { ...seen.allocation, desired, drainingSinceMs: null };
  return { ...seen, allocation, isLive: true, isSettled: true };
}

function action({ allocation: { id, desired } }: Seen): Action {
  return { kind: 'set-desired', id, desired, drainingSinceMs: null };
}
