/** One step of a group's slots towards its intent: what is made, what goes into the traffic, what is retired. */
import type { Allocation } from '../../shared/model.js';
import { createMissing, isPortHeld } from './create.js';
import type { Intent } from './intent.js';
import { type Order, orderOf } from './order.js';
import type { Own } from './place.js';
import { isDrained, retirable, retireAction } from './retire.js';
import type { Seen } from './seen.js';
import { type Slots, slotsOf } from './slots.js';
import type { Action, ServiceSnapshot } from './snapshot.js';
import { takeBack } from './take-back.js';
import { lackOf, moveWaits, overallWaits, slotWaits } from './waits.js';

export interface Converged {
  actions: Action[];
  waits: string[];
  wakes: number[];
  /** The allocations that are made. */
  made: Allocation[];
}

export interface ConvergeInput {
  /** `releases` holds the wanted release too if it begins in this pass; `rollout` is the open one. */
  snapshot: ServiceSnapshot;
  intent: Intent;
  /** The group's. */
  seen: readonly Seen[];
  /** The service's in other groups, and those just made. */
  others: readonly Own[];
  /** False: what nobody wants of this group stays for now. */
  mayGo: boolean;
  /** Ids of those that are told to stop in this very pass. */
  stopping: ReadonlySet<string>;
}

/** One step of one group. */
export function converge(input: ConvergeInput, nowMs: number): Converged {
  const { snapshot, intent, seen, others, mayGo } = input;
  const isHeld = snapshot.rollout?.state === 'rolling' && snapshot.rollout.paused !== null;
  const dealt = slotsOf(seen, intent.wish);
  const { slots, actions: back } = isHeld
    ? { slots: dealt, actions: [] }
    : takeBack(dealt, intent, input.stopping);
  const created = isHeld ? nothingCreated : createMissing(snapshot, intent, slots, others, nowMs);
  const going = isHeld ? [] : leaving(snapshot, intent, slots, mayGo);
  const routable = seen.filter((s) => !going.includes(s) && isRoutable(s, slots, snapshot, intent));
  const rest = { ...slots, extras: slots.extras.filter((s) => !going.includes(s)) };
  return {
    actions: [
      ...back,
      ...created.allocations.flatMap((allocation) => creation(allocation, snapshot)),
      ...routable.map(routeAction),
      ...going.flatMap((s) => [retireAction(s, nowMs), ...givenUp(s, snapshot)]),
    ],
    waits: [
      ...created.waits,
      ...slotWaits(slots),
      ...moveWaits(slots),
      ...rest.extras
        .filter((s) => !s.isKnown)
        .map((s) => (s.isLost ? `${s.allocation.id}: ${s.doubt}; it is being replaced` : lackOf(s))),
      ...created.allocations.map(({ id, node }) => `${id} waits for ${nameOf(node, snapshot)} to take it up`),
      ...going.map((s) => `${s.allocation.id} is ${isDrained(s) ? 'draining' : 'stopping'}`),
      ...overallWaits(snapshot, intent, rest, created.allocations.length),
    ],
    wakes: seen.flatMap((s) =>
      s.isLive && s.healthyAtMs !== null && s.healthyAtMs > nowMs ? [s.healthyAtMs] : [],
    ),
    made: created.allocations,
  };
}

const nothingCreated = { allocations: [], waits: [] };

/** A canary replaces nothing, so that what it does not want goes at once; stable's capacity is guarded. */
function leaving(snapshot: ServiceSnapshot, intent: Intent, slots: Slots, mayGo: boolean): Seen[] {
  if (!mayGo) return [];
  if (intent.group === 'canary') return slots.extras;
  return retirable(snapshot, intent, slots, currentOrder(snapshot, intent, slots));
}

function currentOrder(snapshot: ServiceSnapshot, { wanted }: Intent, slots: Slots): Order {
  if (wanted === null) return { kind: 'start-first', why: null };
  const isHeld = isPortHeld(snapshot, wanted, slots);
  return orderOf(snapshot.service.spec.deploy, wanted.spec.container, isHeld);
}

/** Healthy, and of use: it holds a slot, or is of the release that serves until it is replaced. A canary comes as a group. */
function isRoutable(s: Seen, slots: Slots, { service, rollout }: ServiceSnapshot, intent: Intent): boolean {
  if (!s.isWeb || !s.isHealthy || s.allocation.desired !== 'running') return false;
  const isOfUse = slots.holders.includes(s) || slots.successors.includes(s);
  if (intent.group === 'canary') return isOfUse && isGroupReady(slots);
  const { release } = s.allocation;
  return isOfUse || release === service.planned.stable || release === rollout?.from;
}

/** All of it is healthy, or it was routed before: then one that was replaced joins it. */
function isGroupReady({ holders }: Slots): boolean {
  return holders.some((s) => s?.allocation.desired === 'routed') || holders.every((s) => s?.isHealthy);
}

function routeAction(s: Seen): Action {
  return { kind: 'set-desired', id: s.allocation.id, desired: 'routed', drainingSinceMs: null };
}

/** What goes on without its node says so. */
function givenUp({ allocation, isLost, doubt }: Seen, { service, rollout }: ServiceSnapshot): Action[] {
  if (!isLost) return [];
  const { id, node } = allocation;
  const message = `${id} is given up: ${doubt}; what is left of it is stopped when that node is back`;
  const event = {
    kind: 'allocation.lost',
    service: service.key,
    node,
    rollout: rollout?.id ?? null,
    message,
  };
  return [{ kind: 'event', event }];
}

function creation(allocation: Allocation, snapshot: ServiceSnapshot): Action[] {
  const { service, rollout } = snapshot;
  const node = nameOf(allocation.node, snapshot);
  const message = `${allocation.id} (v${allocation.release}, slot ${allocation.slot}) placed on ${node}`;
  return [
    { kind: 'create-allocation', allocation },
    {
      kind: 'event',
      event: {
        kind: 'placed',
        service: service.key,
        node: allocation.node,
        rollout: rollout?.id ?? null,
        message,
      },
    },
  ];
}

function nameOf(nodeId: string, { nodes }: ServiceSnapshot): string {
  return nodes.find((view) => view.node.id === nodeId)?.node.facts.name ?? nodeId;
}
