/**
 * What the nodes have acknowledged of an allocation that is to get no connections by name any more: that none of them gives it
 * new ones, and how many are open. Pure. Promises that the wait ends with the drain deadline at the latest, and that nothing is waited
 * for where nobody else could take over: there the names lead to it until it is stopped.
 */
import type { Allocation, Node } from '../../shared/model.js';
import type { ServiceSnapshot } from './snapshot.js';
import { type Drain, MIN_DRAIN_MS } from './traffic.js';

/** It would answer a new connection. */
export function isOffered({ group, desired, observed }: Allocation): boolean {
  return group !== 'job' && (desired === 'running' || desired === 'routed') && observed?.state === 'ready';
}

/** Containers somewhere may be connected to it by name, and another one would answer them. */
export function isHandedOver(allocation: Allocation, snapshot: ServiceSnapshot): boolean {
  const { service, allocations } = snapshot;
  if (service.desired !== 'running' || allocation.group === 'job') return false;
  const others = allocations.filter(({ id }) => id !== allocation.id);
  return others.some(isOffered) && namers(snapshot).length > 0;
}

/** Whether its container may be stopped, as far as connections by name go. */
export function namedDrainOf(allocation: Allocation, snapshot: ServiceSnapshot, nowMs: number): Drain {
  if (!isHandedOver(allocation, snapshot)) return { kind: 'done', inFlight: 0 };
  const { drainTimeoutMs } = snapshot.service.spec.deploy;
  const deadlineMs = (allocation.drainingSinceMs ?? nowMs) + Math.max(drainTimeoutMs, MIN_DRAIN_MS);
  const said = namers(snapshot).map((node) => ({
    node,
    open: node.discovery?.draining.find((one) => one.allocation === allocation.id)?.connections ?? null,
  }));
  const late = said.find(({ open }) => open === null);
  const open = said.reduce((sum, one) => sum + (one.open ?? 0), 0);
  if ((late === undefined && open === 0) || nowMs >= deadlineMs) return { kind: 'done', inFlight: open };
  const reason = late
    ? `containers on ${late.node.facts.name} are still led to it by name`
    : `${open} ${open === 1 ? 'connection' : 'connections'} by name`;
  return { kind: 'wait', reason, wakeAtMs: deadlineMs };
}

/** The nodes whose containers may use the service's name. */
function namers({ service, nodes }: ServiceSnapshot): Node[] {
  return nodes
    .map(({ node }) => node)
    .filter(
      ({ connectedAtMs, reported, discovery }) =>
        connectedAtMs !== null && reported && discovery?.projects.includes(service.project),
    );
}
