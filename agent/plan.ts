/**
 * PURE: what this node should do next to become what its assignment says. Decides from facts and the time alone; answers
 * with steps as data, with what to report of each allocation (a wait is a state with a reason), and with the time at
 * which the answer changes by itself. Refuses to touch anything while there is no assignment, and anything that does not
 * carry the cluster's label.
 */
import type { Assignment, ImageObserved } from '../shared/protocol.js';
import { DEFAULT_GRACE_MS, retryAtMs } from './backoff.js';
import type { ObservedContainer } from './engine.js';
import type { Facts } from './facts.js';
import { networkName } from './labels.js';
import { planAllocation } from './plan-allocation.js';
import { planImages } from './plan-images.js';
import { isAlive, type Shown } from './shown.js';
import { containerKey, networkKey, type Step, tagKey } from './step.js';

export interface Plan {
  steps: Step[];
  allocations: Shown[];
  images: ImageObserved[];
  /** When time alone changes the answer, ms since the epoch. */
  wakeAtMs: number | null;
}

/** The whole plan of a node. Steps whose last try was refused are left out until their back-off has passed. */
export function plan(assignment: Assignment | null, facts: Facts, nowMs: number): Plan {
  if (assignment === null) return { steps: [], allocations: [], images: [], wakeAtMs: null };
  const mine = [...facts.containers.values()].filter((c) => c.cluster === assignment.cluster);
  const byAllocation = grouped(mine);
  const allocations = [...assignment.allocations].sort((a, b) => (a.id < b.id ? -1 : 1));
  const plans = allocations.map((allocation) =>
    planAllocation(allocation, byAllocation.get(allocation.id) ?? [], assignment.cluster, facts, nowMs),
  );
  const images = planImages(assignment.images, facts);
  const wanted = new Set(allocations.map((allocation) => allocation.id));
  const all = [
    ...plans.flatMap((p) => p.steps),
    ...images.steps,
    ...orphans(mine.filter((c) => !wanted.has(c.allocation))),
    ...idleNetworks(assignment, mine, facts),
    ...tags(assignment, facts),
  ];
  const { steps, retryMs } = withoutRefused(unique(all), facts, nowMs);
  return {
    steps,
    allocations: plans.map((p) => p.shown),
    images: images.observed,
    wakeAtMs: earliest([...plans.map((p) => p.wakeAtMs), retryMs]),
  };
}

function grouped(containers: ObservedContainer[]): Map<string, ObservedContainer[]> {
  const groups = new Map<string, ObservedContainer[]>();
  for (const container of containers) {
    const group = groups.get(container.allocation);
    if (group) group.push(container);
    else groups.set(container.allocation, [container]);
  }
  return groups;
}

/** Containers of this cluster that the assignment does not know: stopped, then removed. */
function orphans(containers: ObservedContainer[]): Step[] {
  return containers
    .filter((c) => c.state !== 'removing')
    .map((c) =>
      isAlive(c)
        ? { kind: 'stop-container', key: containerKey(c.id), id: c.id, graceMs: DEFAULT_GRACE_MS }
        : { kind: 'remove-container', key: containerKey(c.id), id: c.id },
    );
}

/** A project's network goes when no allocation of the project is assigned and no container of it is left. */
function idleNetworks(assignment: Assignment, containers: ObservedContainer[], facts: Facts): Step[] {
  const used = new Set([
    ...assignment.allocations.map((a) => networkName(assignment.cluster, a.project)),
    ...containers.map((c) => networkName(assignment.cluster, c.project)),
  ]);
  return [...facts.networks.values()]
    .filter((network) => !used.has(network.name))
    .map(({ id, name }) => ({ kind: 'remove-network', key: networkKey(name), id, name }));
}

/** Kept releases' images carry a tag, so that pruning spares them; what is kept no longer loses it. */
function tags(assignment: Assignment, facts: Facts): Step[] {
  const kept = new Map(assignment.keep.map(({ tag, imageId }) => [tag, imageId]));
  const add: Step[] = [...kept]
    .filter(([tag, imageId]) => facts.tags.get(tag) !== imageId)
    .map(([tag, imageId]) => ({ kind: 'tag-image', key: tagKey(tag), imageId, tag }));
  const drop: Step[] = [...facts.ownTags]
    .filter((tag) => facts.tags.has(tag) && !kept.has(tag))
    .sort()
    .map((tag) => ({ kind: 'untag-image', key: tagKey(tag), tag }));
  return [...add, ...drop];
}

/** One step a key; the first one stands. */
function unique(steps: Step[]): Step[] {
  const seen = new Set<string>();
  return steps.filter((step) => !seen.has(step.key) && seen.add(step.key));
}

function withoutRefused(
  steps: Step[],
  facts: Facts,
  nowMs: number,
): { steps: Step[]; retryMs: number | null } {
  const due = (step: Step): number => {
    const failure = facts.failures.get(step.key);
    return failure ? retryAtMs(failure) : 0;
  };
  const later = steps.map(due).filter((dueMs) => dueMs > nowMs);
  return { steps: steps.filter((step) => due(step) <= nowMs), retryMs: earliest(later) };
}

function earliest(times: (number | null)[]): number | null {
  const known = times.filter((time): time is number => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}
