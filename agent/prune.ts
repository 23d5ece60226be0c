/** Keeps the facts bounded: what no assignment speaks of any more is forgotten, and what containers say of attempts is kept. */
import type { Assignment } from '../shared/protocol.js';
import type { Facts } from './facts.js';
import { networkName } from './labels.js';
import { allocationKey, containerKey, imageKey, networkKey, tagKey } from './step.js';

/** Changes `facts`. Entries of steps under way stay. */
export function pruneFacts(
  facts: Facts,
  assignment: Assignment,
  running: ReadonlyMap<string, unknown>,
): void {
  for (const { allocation, attempt } of facts.containers.values()) {
    facts.attempts.set(allocation, Math.max(attempt, facts.attempts.get(allocation) ?? 0));
  }
  for (const { tag } of assignment.keep) facts.ownTags.add(tag);
  const allocations = new Set(assignment.allocations.map(({ id }) => id));
  const images = new Set(assignment.allocations.map(({ imageId }) => imageId));
  const wants = new Set(assignment.images.map(({ id }) => id));
  const keys = new Set([
    ...[...allocations].map(allocationKey),
    ...[...images, ...wants].map(imageKey),
    ...assignment.allocations.map(({ project }) => networkKey(networkName(assignment.cluster, project))),
    ...[...facts.networks.keys()].map(networkKey),
    ...[...facts.containers.keys()].map(containerKey),
    ...[...assignment.keep.map(({ tag }) => tag), ...facts.tags.keys()].map(tagKey),
  ]);
  const drop = (map: { keys(): Iterable<string>; delete(key: string): unknown }, keep: Set<string>): void => {
    for (const key of [...map.keys()]) if (!keep.has(key)) map.delete(key);
  };
  if (facts.taken.size > 1_000) facts.taken.clear();
  const containers = new Set(facts.containers.keys());
  for (const key of running.keys()) keys.add(key);
  drop(facts.failures, keys);
  drop(facts.percents, keys);
  drop(facts.doing, keys);
  drop(facts.resolved, wants);
  drop(facts.builds, wants);
  drop(facts.missing, images);
  drop(facts.attempts, allocations);
  drop(facts.lastExits, allocations);
  drop(facts.logs, containers);
  drop(facts.health, containers);
}
