/**
 * What is known of each allocation of a service, derived once from the snapshot: every other file here decides on this
 * and never reads a report itself. A report counts only while its node has a live session that has reported, and a
 * working engine; without that the state is `unknown`, which is neither healthy nor broken.
 */
import type { Allocation, Node, Release } from '../../shared/model.js';
import type { AllocationState } from '../../shared/protocol.js';
import { isRouted } from '../../shared/spec.js';
import { isHandedOver } from './named-drain.js';
import type { ServiceSnapshot } from './snapshot.js';
import { routingOf } from './traffic.js';

export interface Seen {
  allocation: Allocation;
  release: Release | null;
  nodeName: string;
  /** False: nothing its node said can be relied on now; `doubt` says why. */
  isKnown: boolean;
  doubt: string | null;
  /** Its node is given up: it holds no slot, and goes once another one serves in its place. */
  isLost: boolean;
  /** It is to go to another node, and serves until the one in its place does. */
  isMoving: boolean;
  /** `placed`: its node has not said anything of it yet. */
  state: AllocationState | 'placed' | 'unknown';
  reason: string | null;
  /** Desired running or routed: it is meant to stay. */
  isLive: boolean;
  /** The ingress routes to allocations of this kind. */
  isWeb: boolean;
  /** Containers may be connected to it by name, and another one would answer them. */
  isNamed: boolean;
  /** When it counts as healthy: ready since, plus `min_healthy`; null while it is not ready. */
  healthyAtMs: number | null;
  isHealthy: boolean;
  /** Ready, and every live ingress node has said that it routes to it (or it is not routed at all, and healthy). */
  isServing: boolean;
  /** It has been healthy once; what happens to it since is its own crash, not the release's first start. */
  isSettled: boolean;
  /** Why a healthy one is not served yet; null otherwise. */
  routingReason: string | null;
}

/** Every allocation of the snapshot, by slot and then by age, whatever the order it came in. */
export function seenOf(snapshot: ServiceSnapshot, nowMs: number): Seen[] {
  const own = new Set(snapshot.allocations.map((allocation) => allocation.node));
  const nodes = new Map<string, Node>();
  const ingress: Node[] = [];
  for (const { node } of snapshot.nodes) {
    if (own.has(node.id)) nodes.set(node.id, node);
    if (node.ingress) ingress.push(node);
  }
  const releases = new Map(snapshot.releases.map((release) => [release.number, release]));
  return [...snapshot.allocations].sort(bySlotThenAge).map((allocation) => {
    const node = nodes.get(allocation.node) ?? null;
    const release = releases.get(allocation.release) ?? null;
    return see(allocation, node, release, snapshot, ingress, nowMs);
  });
}

function see(
  allocation: Allocation,
  node: Node | null,
  release: Release | null,
  snapshot: ServiceSnapshot,
  ingress: readonly Node[],
  nowMs: number,
): Seen {
  const { spec } = snapshot.service;
  const hasVolume = (release?.spec.container.volumes.length ?? 0) > 0;
  const doubt = lostData(node, hasVolume) ?? doubtOf(node);
  const state = doubt === null ? (allocation.observed?.state ?? 'placed') : 'unknown';
  const since = allocation.observed?.sinceMs ?? nowMs;
  const healthyAtMs = state === 'ready' ? since + spec.deploy.minHealthyMs : null;
  const isHealthy = healthyAtMs !== null && healthyAtMs <= nowMs;
  const isWeb = release !== null && isRouted({ ...spec, container: release.spec.container });
  const isLost = node === null || (node.presence === 'lost' && !hasVolume);
  const routing = isWeb ? routingOf(allocation, ingress) : { isRouted: isHealthy, reason: null };
  return {
    allocation,
    release,
    nodeName: node?.facts.name ?? allocation.node,
    isKnown: doubt === null,
    doubt,
    isLost,
    isMoving: !isLost && !hasVolume && isSentAway(allocation, node),
    state,
    reason: allocation.observed?.reason ?? null,
    isLive: allocation.desired === 'running' || allocation.desired === 'routed',
    isWeb,
    isNamed: release?.spec.container.port != null && isUp(state) && isHandedOver(allocation, snapshot),
    healthyAtMs,
    isHealthy,
    isServing: state === 'ready' && routing.isRouted,
    isSettled: isWeb ? allocation.desired === 'routed' : isHealthy || hasBeenUp(allocation, doubt !== null),
    routingReason: routing.reason,
  };
}

function isSentAway({ isMoving, service }: Allocation, node: Node | null): boolean {
  return isMoving === true || node?.drain?.service === service;
}
const isUp = (state: Seen['state']): boolean => state === 'ready' || state === 'unready';

/** For what is not routed only its reports tell; of an unknown one, the last. */
function hasBeenUp({ observed }: Allocation, isUnknown: boolean): boolean {
  if (observed === null) return false;
  return observed.restarts > 0 || observed.state === 'unready' || (isUnknown && observed.state === 'ready');
}

/** Data in a named volume is where it is: nothing takes the place of what writes it. */
function lostData(node: Node | null, hasVolume: boolean): string | null {
  if (node?.presence !== 'lost' || !hasVolume) return null;
  return `${node.facts.name} is lost, and its volume is there: it waits until that node is back`;
}

/** Why nothing a node says (or no longer says) can be relied on; null when it can. */
export function doubtOf(node: Node | null): string | null {
  if (node === null) return 'its node is not known';
  if (node.connectedAtMs === null && node.presence !== 'present')
    return `${node.facts.name} is ${node.presence}`;
  if (node.connectedAtMs === null) return `${node.facts.name} is not connected`;
  if (!node.reported) return `${node.facts.name} has not reported yet`;
  if (node.engine?.state === 'down') return `Docker is down on ${node.facts.name}`;
  return null;
}

type Ordered = Pick<Allocation, 'id' | 'slot' | 'createdAtMs'>;

export function bySlotThenAge(a: Ordered, b: Ordered): number {
  return a.slot - b.slot || a.createdAtMs - b.createdAtMs || numberOf(a.id) - numberOf(b.id);
}

/** The number at the end of `<project>.<service>.<n>`. */
export function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('.') + 1));
}
