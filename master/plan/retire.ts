/**
 * Which live allocations go now. What serves is let go only while enough others serve: with start-first never below the
 * wanted replicas, with stop-first never below replicas − max(1, max_unavailable). An allocation of unknown state is
 * neither counted as serving nor taken for broken.
 */

import type { Intent } from './intent.js';
import { allowedMissing, type Order } from './order.js';
import type { Seen } from './seen.js';
import { numberOf } from './seen.js';
import type { Slots } from './slots.js';
import type { Action, ServiceSnapshot } from './snapshot.js';

/** Those to retire in this pass, in the order they go. */
export function retirable(snapshot: ServiceSnapshot, intent: Intent, slots: Slots, order: Order): Seen[] {
  if (intent.isEnding) return slots.extras;
  const floor =
    order.kind === 'start-first'
      ? intent.wish.replicas
      : intent.wish.replicas - allowedMissing(snapshot.service.spec.deploy);
  const going = new Going(slots, floor);
  for (const seen of replaced(slots, intent)) going.take(seen);
  for (const seen of abandoned(slots, snapshot, intent)) going.take(seen);
  for (const seen of surplus(slots, intent)) {
    if (isBroken(seen) || going.leavesEnough() || areAllSettled(slots)) going.take(seen);
  }
  for (const seen of byPreference(going.left(), slots, snapshot.service.planned.stable)) {
    if (going.isReplaced(intent.wish.replicas) && going.mayGo(seen)) going.take(seen);
  }
  if (order.kind === 'stop-first') stopFirst(going, snapshot, slots);
  return going.taken;
}

/** The write that begins an allocation's end: routed ones drain first. */
export function retireAction(seen: Seen, nowMs: number): Action {
  const { id } = seen.allocation;
  return isDrained(seen)
    ? { kind: 'set-desired', id, desired: 'draining', drainingSinceMs: nowMs }
    : { kind: 'set-desired', id, desired: 'stopped', drainingSinceMs: null };
}

/** What the ingress or a name leads to lets its requests finish first. */
export function isDrained({ isWeb, isNamed, isLive, allocation }: Seen): boolean {
  return (isWeb && allocation.desired === 'routed') || (isNamed && isLive);
}

/** The tally of one pass: what is taken no longer counts. */
class Going {
  readonly taken: Seen[] = [];
  readonly #slots: Slots;
  readonly #floor: number;

  constructor(slots: Slots, floor: number) {
    this.#slots = slots;
    this.#floor = floor;
  }

  take(seen: Seen): void {
    if (!this.taken.includes(seen)) this.taken.push(seen);
  }

  left(): Seen[] {
    return this.#slots.extras.filter((s) => !this.taken.includes(s) && !s.isLost);
  }

  /** One that serves may go and the floor still holds. */
  leavesEnough(): boolean {
    const holding = this.#slots.holders.filter((s) => s?.isServing).length;
    return holding + this.left().filter((s) => s.isServing).length - 1 >= this.#floor;
  }

  mayGo(seen: Seen): boolean {
    return isBroken(seen) || (seen.isServing && this.leavesEnough());
  }

  /** As many serve in the new place of the old ones as would be missing if one more of these went. */
  isReplaced(replicas: number): boolean {
    return this.#slots.holders.filter((s) => s?.isServing).length + this.left().length - 1 >= replicas;
  }

  /** Slots that nothing old fills any more and nothing new serves yet. */
  inFlight(): number {
    const left = this.left();
    return this.#slots.holders.filter(
      (holder, slot) => !holder?.isServing && !left.some((s) => s.allocation.slot === slot),
    ).length;
  }
}

/** On lost nodes, when another one serves in its slot or none is wanted there. Until then it may still come back. */
function replaced({ extras, holders }: Slots, { wish }: Intent): Seen[] {
  return extras.filter(
    (s) => s.isLost && (s.allocation.slot >= wish.replicas || holders[s.allocation.slot]?.isServing),
  );
}

/** Started for a rollout that was given up, and never served: in nobody's way to go. */
function abandoned(slots: Slots, { service, rollout }: ServiceSnapshot, intent: Intent): Seen[] {
  const kept = [service.planned.stable, rollout?.from ?? null, intent.wish.wanted];
  const isLost = (s: Seen): boolean => !s.isSettled || s.state === 'exited' || s.state === 'failed';
  return slots.extras.filter((s) => isBroken(s) && isLost(s) && !kept.includes(s.allocation.release));
}

/** Above the wanted number, highest slot first; and second copies in a slot. */
function surplus(slots: Slots, { wish }: Intent): Seen[] {
  return slots.extras
    .filter((s) => !s.isLost && (s.allocation.slot >= wish.replicas || s.allocation.release === wish.wanted))
    .sort((a, b) => b.allocation.slot - a.allocation.slot || age(b) - age(a));
}

/** Broken ones, then those whose slot is served by a new one, then doubles that aren't of the stable release. */
function byPreference(extras: readonly Seen[], slots: Slots, stable: number | null): Seen[] {
  const rank = (s: Seen): number => {
    if (isBroken(s)) return 0;
    if (slots.holders[s.allocation.slot]?.isServing) return 1;
    const isDouble = extras.some((o) => o !== s && o.allocation.slot === s.allocation.slot);
    return isDouble && s.allocation.release !== stable ? 2 : 3;
  };
  return [...extras].sort(
    (a, b) => rank(a) - rank(b) || a.allocation.slot - b.allocation.slot || age(a) - age(b),
  );
}

/** Makes place for the new one of a slot, as many slots at a time as may be missing; what is replaced already makes it for any. */
function stopFirst(going: Going, { service }: ServiceSnapshot, slots: Slots): void {
  if (slots.holders.includes(null))
    for (const seen of going.left())
      if (slots.holders[seen.allocation.slot]?.isServing && going.mayGo(seen)) going.take(seen);
  const inTheWay = going.left().filter((s) => slots.holders[s.allocation.slot] === null);
  for (const seen of byPreference(inTheWay, slots, service.planned.stable)) {
    if (going.inFlight() < allowedMissing(service.spec.deploy) && going.mayGo(seen)) going.take(seen);
  }
}

/** Its container is not able to serve. One that is ready and only waits for the ingress's word is not broken. */
function isBroken(seen: Seen): boolean {
  return seen.isKnown && !seen.isServing && !(seen.isSettled && seen.state === 'ready');
}

/** Every wanted slot is filled by one that has served; what they do since is no reason to keep a surplus. */
function areAllSettled(slots: Slots): boolean {
  return slots.holders.every(
    (s) => s !== null && (s.isSettled || s.state === 'failed' || s.state === 'exited'),
  );
}

function age(seen: Seen): number {
  return numberOf(seen.allocation.id);
}
