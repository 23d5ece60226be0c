/** What must hold of every plan on a simulated cluster; each check throws when it does not. */
import type { ServiceSnapshot } from '../../../../master/plan/snapshot.js';
import { type Allocation, actingOf } from '../../../../shared/model.js';
import type { Group } from '../../../../shared/protocol.js';
import type { Shop } from './cluster.js';

/** One pass of the planner, with what it may and may not do. */
export function step(shop: Shop): void {
  const { cluster } = shop;
  const before = cluster.snapshot;
  const plan = cluster.plan();
  const after = cluster.snapshot;
  if (cluster.faults.length > 0) throw new Error(cluster.faults.join('; '));
  checkSurge(
    { ...after, allocations: after.allocations.filter((a) => !cluster.isLost(a.node)) },
    plan.actions.flatMap((a) => (a.kind === 'create-allocation' ? [a.allocation.group] : [])),
  );
  checkShares(after);
  checkWriters(after);
  checkCapacity(shop, before, after);
  if (plan.actions.length === 0 && plan.waits.length === 0) checkShape(shop);
}

/** By group: a canary is beside stable, at most as large. */
function checkSurge({ service, allocations }: ServiceSnapshot, created: readonly Group[]): void {
  const most = service.replicas + service.spec.deploy.maxSurge;
  for (const [group, limit] of [
    ['stable', most],
    ['canary', Math.max(most, (service.spec.deploy.canaryReplicas ?? 1) + service.spec.deploy.maxSurge)],
    ['job', 1],
  ] as const) {
    // Jobs that were given up may still be stopping, on nodes that can't be heard too.
    const counts = (a: Allocation): boolean => a.group === group && (group !== 'job' || isLive(a));
    const found = allocations.filter(counts).length;
    if (created.includes(group) && found > limit)
      throw new Error(`${found} allocations of ${group}, at most ${limit}`);
  }
}

/** All of the traffic goes only to a canary that is as large as stable was told to be, or was when it got it. */
function checkShares({ service, allocations, rollout }: ServiceSnapshot): void {
  const hasCanary = allocations.some((a) => a.group === 'canary');
  if (!hasCanary && actingOf(rollout)?.canary == null && service.planned.canaryWeight !== 0)
    throw new Error(`${service.planned.canaryWeight} % for no canary`);
}

/** A named volume has one writer a slot, from the first container to the last trace of it. */
function checkWriters({ releases, allocations }: ServiceSnapshot): void {
  const writers = allocations.filter((a) => {
    const release = releases.find((r) => r.number === a.release);
    return a.group !== 'job' && release !== undefined && release.spec.container.volumes.length > 0;
  });
  if (new Set(writers.map((a) => a.slot)).size < writers.length) throw new Error('two writers in one slot');
}

/** After anything that serves was let go, enough others serve, or would if they had not crashed by themselves. */
function checkCapacity(shop: Shop, before: ServiceSnapshot, after: ServiceSnapshot): void {
  const { service } = after;
  const ending = service.desired !== 'running' || (service.planned.stable === null && after.rollout === null);
  const serving = shop.cluster.serving();
  const isCapacity = (a: Allocation): boolean =>
    !shop.cluster.isLost(a.node) && (a.group !== 'canary' || before.service.planned.canaryWeight === 100);
  const letGo = serving.filter(
    (a) => isCapacity(a) && isLive(find(before, a.id)) && !isLive(find(after, a.id)),
  );
  if (ending || letGo.length === 0) return;
  const { deploy, container } = service.spec;
  const isStopFirst = deploy.maxSurge === 0 || releasesWithVolume(after) || container.volumes.length > 0;
  const floor = service.replicas - (isStopFirst ? Math.max(1, deploy.maxUnavailable) : 0);
  const left = after.allocations.filter(
    (a) => isLive(a) && (serving.some((s) => s.id === a.id) || hasServed(a, service)),
  );
  if (left.length < floor) throw new Error(`${left.length} of at least ${floor} serve`);
}

/** Routed before, or (where nothing is routed) ready before: what it lacks now is its own crash, or its session's. */
function hasServed(allocation: Allocation, service: ServiceSnapshot['service']): boolean {
  if (service.spec.domains.length > 0) return allocation.desired === 'routed';
  return (allocation.observed?.restarts ?? 0) > 0 || allocation.observed?.state === 'ready';
}

/** What a plan without actions and waits stands for. */
export function checkShape(shop: Shop): void {
  const { service, allocations, rollout } = shop.cluster.snapshot;
  const { stable, tolerated } = service.planned;
  if (rollout !== null) throw new Error(`at rest with rollout ${rollout.state}`);
  const isWanted = service.desired === 'running' && stable !== null;
  const wanted = isWanted ? Array.from({ length: service.replicas }, (_, slot) => slot) : [];
  const live = allocations.filter(isLive);
  same(live.map((a) => a.slot).sort(), wanted, 'not one live allocation a slot');
  if (live.some((a) => a.release !== stable && a.release !== tolerated))
    throw new Error('of a wrong release');
  const isHere = (a: Allocation): boolean => !shop.cluster.isLost(a.node);
  if (allocations.filter(isHere).length !== live.filter(isHere).length) throw new Error('some still leave');
  if (live.some((a) => a.group !== 'stable')) throw new Error('a canary at rest');
  if (service.planned.canaryWeight !== 0) throw new Error('a share at rest');
  checkSettings(shop);
}

/** What is in force is of the release that serves, whatever came to nothing since. */
function checkSettings({ cluster: { snapshot } }: Shop): void {
  const { service, releases } = snapshot;
  const stable = releases.find(({ number }) => number === service.planned.stable);
  if (stable === undefined || service.planned.tolerated !== null) return;
  same(service.spec.container.image, stable.spec.container.image, 'in force');
}

/** A drained node is empty; one that can't be says what stays, and that is here. */
export function checkDrains({ cluster: { snapshot } }: Shop): void {
  for (const { node } of snapshot.nodes) {
    if (!node.drain) continue;
    const here = snapshot.allocations.filter((a) => a.node === node.id).length;
    const stays = node.drain.blocked.length > 0 && releasesWithVolume(snapshot);
    if (here > 0 && !stays) throw new Error(`${here} on ${node.id}, which is drained`);
    if (here === 0 && node.drain.doneAtMs === null) throw new Error(`${node.id} is empty, and not done`);
  }
}

/** With no replicas any release succeeds, and shows what it is at the next scale. */
export function hasBadStable(shop: Shop): boolean {
  const { releases, service } = shop.cluster.snapshot;
  const stable = releases.find((release) => release.number === service.planned.stable);
  return stable !== undefined && !/^(good|slow)/.test(stable.spec.container.image);
}

function isLive(allocation: Allocation | undefined): boolean {
  return allocation?.desired === 'running' || allocation?.desired === 'routed';
}

function find({ allocations }: ServiceSnapshot, id: string): Allocation | undefined {
  return allocations.find((a) => a.id === id);
}

function releasesWithVolume({ releases }: ServiceSnapshot): boolean {
  return releases.some((release) => release.spec.container.volumes.length > 0);
}

export function turned(snapshot: ServiceSnapshot, by: number): ServiceSnapshot {
  const turn = <T>(list: T[]): T[] => {
    const at = list.length === 0 ? 0 : by % list.length;
    return [...list.slice(at), ...list.slice(0, at)].reverse();
  };
  return {
    ...snapshot,
    allocations: turn(snapshot.allocations),
    nodes: turn(snapshot.nodes),
    releases: turn(snapshot.releases),
    siblings: turn(snapshot.siblings),
  };
}

export function same(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}
