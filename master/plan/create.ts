/**
 * Which allocations are made now. Never more containers in a group than its replicas + max_surge, counting those that
 * drain or stop but not those on lost nodes, and never a second writer of a named volume in one slot.
 */
import type { Allocation, Node, Release } from '../../shared/model.js';
import type { Group } from '../../shared/protocol.js';
import type { Intent } from './intent.js';
import { type Own, place } from './place.js';
import type { Seen } from './seen.js';
import type { Slots } from './slots.js';
import type { ServiceSnapshot } from './snapshot.js';

export interface Created {
  allocations: Allocation[];
  waits: string[];
}

/** Places the missing slots of a group, empty ones first, as far as there is room. `others` are the service's in other groups. */
export function createMissing(
  snapshot: ServiceSnapshot,
  intent: Intent,
  slots: Slots,
  others: readonly Own[],
  nowMs: number,
): Created {
  const { wanted, group } = intent;
  const made: Allocation[] = [];
  if (wanted === null) return { allocations: made, waits: [] };
  const present = presentIn(slots);
  const isEarly = snapshot.nodes.some(({ node }) => isMissed(node));
  const free = missingSlots(slots).filter(
    (slot) => !isVolumeHeld(wanted, slot, present) && !(isEarly && slots.holders[slot]),
  );
  const room = intent.wish.replicas + snapshot.service.spec.deploy.maxSurge - present.length;
  for (const slot of free.slice(0, Math.max(0, room))) {
    const staying: Own[] = [
      ...others,
      ...holdersIn(slots).filter((s) => !s.isMoving),
      ...slots.successors,
      ...made.map((allocation) => ({ allocation, release: wanted })),
    ];
    const going = [...holdersIn(slots).filter((s) => s.isMoving), ...slots.extras, ...slots.leaving];
    const { node, refusal } = place(needOf(snapshot, wanted), snapshot.nodes, staying, going);
    if (node === null) {
      return { allocations: made, waits: [`slot ${slot} of v${wanted.number} can't be placed: ${refusal}`] };
    }
    made.push(newAllocation(snapshot, { release: wanted, group, slot, node, offset: made.length }, nowMs));
  }
  return { allocations: made, waits: [] };
}

/** It may be connected in a moment (a master that has just started): what is in no hurry to move waits to know all nodes. */
function isMissed({ connectedAtMs, presence }: Node): boolean {
  return connectedAtMs === null && presence === 'present';
}

/** The nodes' room for one more of `wanted` is taken by ports of its own extras and leavers only. */
export function isPortHeld(snapshot: ServiceSnapshot, wanted: Release, slots: Slots): boolean {
  if (wanted.spec.container.extraPorts.length === 0 || missingSlots(slots).length === 0) return false;
  const need = needOf(snapshot, wanted);
  const now = place(need, snapshot.nodes, presentIn(slots));
  return now.node === null && place(need, snapshot.nodes, holdersIn(slots)).node !== null;
}

/** Slots without a holder, those that have no live allocation at all first; then those of which the holder is to move. */
export function missingSlots(slots: Slots): number[] {
  const missing = slots.holders.flatMap((holder, slot) => (holder === null ? [slot] : []));
  const hasSuccessor = (slot: number): boolean => slots.successors.some((s) => s.allocation.slot === slot);
  const moving = slots.holders.flatMap((holder, slot) =>
    holder?.isMoving && !hasSuccessor(slot) ? [slot] : [],
  );
  const isEmpty = (slot: number): boolean =>
    !slots.extras.some((s) => s.allocation.slot === slot && !s.isLost);
  return [...missing.filter(isEmpty), ...missing.filter((slot) => !isEmpty(slot)), ...moving];
}

function presentIn(slots: Slots): Seen[] {
  return [...holdersIn(slots), ...slots.successors, ...slots.extras, ...slots.leaving].filter(
    (s) => !s.isLost,
  );
}

function holdersIn({ holders }: Slots): Seen[] {
  return holders.filter((holder) => holder !== null);
}

function isVolumeHeld(wanted: Release, slot: number, present: readonly Seen[]): boolean {
  return wanted.spec.container.volumes.length > 0 && present.some((s) => s.allocation.slot === slot);
}

function needOf(snapshot: ServiceSnapshot, wanted: Release) {
  return { placement: snapshot.service.spec.placement, container: wanted.spec.container };
}

/** One more allocation; `offset` counts those that were made before it in the same pass. */
export function newAllocation(
  { service }: Pick<ServiceSnapshot, 'service'>,
  made: { release: Release; group: Group; slot: number; node: Node; offset: number },
  nowMs: number,
): Allocation {
  return {
    id: `${service.project}.${service.name}.${service.planned.nextAllocation + made.offset}`,
    service: service.key,
    slot: made.slot,
    group: made.group,
    release: made.release.number,
    node: made.node.id,
    desired: 'running',
    createdAtMs: nowMs,
    drainingSinceMs: null,
    observed: null,
  };
}
