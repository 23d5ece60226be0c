/**
 * A service as `orca status` shows it: what was observed, with its time, and a reason for everything that is not as
 * asked for. PURE: from the store's records and what live sessions add.
 */
import type { AllocationView, ServiceStatus } from '../../shared/api.js';
import {
  type Allocation,
  actingOf,
  type Counted,
  isStarting,
  isWanted,
  type Node,
  type Release,
  type Rollout,
  type Service,
} from '../../shared/model.js';
import type { Traffic } from '../../shared/protocol.js';
import { isRouted, type ServiceSpec } from '../../shared/spec.js';
import { groupsOf } from './group-view.js';
import { previewView } from './preview-view.js';
import { failureView, iso, rolloutSummary, versionOf } from './rollout-view.js';
import { notServed, servedOtherwise } from './routed.js';

export interface ServiceFacts {
  service: Service;
  /** The release that serves, when there is one. */
  stable: Release | null;
  /** The newest rollout, open or ended. */
  rollout: Rollout | null;
  allocations: readonly Allocation[];
  nodes: ReadonlyMap<string, Node>;
  /** Ids of nodes that go on with what this master does not know. */
  held: ReadonlySet<string>;
  /** By allocation, as the ingresses last said (`trafficOf`). */
  traffic: ReadonlyMap<string, Traffic>;
  /** By service, the percent that its canary gets by what the ingresses said. */
  weights: ReadonlyMap<string, number>;
  /** What the ingresses counted of its releases. */
  figures: readonly Counted[];
  /** When a live node was last heard; null without a session. */
  heardAtMs(node: string): number | null;
  /** Requests in flight, newer than the store has them; null when nobody says. */
  inFlight(allocation: string): number | null;
  httpPort: number;
  httpsPort: number;
  /** Its pushes and builds that have not ended, oldest first. */
  pending: ServiceStatus['pending'];
  /** Why the master can store nothing now; null: it can. */
  storeProblem: string | null;
}

export function serviceStatus(facts: ServiceFacts): ServiceStatus {
  const { service, rollout, stable } = facts;
  const views = [...facts.allocations]
    .sort((a, b) => a.slot - b.slot || a.createdAtMs - b.createdAtMs)
    .map((allocation) => allocationView(facts, allocation));
  const ready = replicasReady(views, rollout);
  const wanted = isWanted(service, rollout) ? service.replicas : 0;
  const domain = service.spec.domains[0] ?? null;
  return {
    name: service.name,
    project: service.project,
    ...heldUp(facts, verdict(facts, views, ready, wanted)),
    image: (stable?.built ? stable.image.ref : stable?.spec.container.image) ?? service.spec.container.image,
    runtime: 'container',
    domain,
    domains: service.spec.domains,
    url: domain !== null && isRouted(service.spec) ? urlOf(domain, service.spec, facts) : null,
    replicas: service.replicas,
    desired_replicas: service.replicas,
    running_replicas: ready,
    release: versionOf(service.planned.stable),
    node: views.find(isReplica)?.node ?? null,
    depends_on: service.spec.dependsOn,
    rollout: rollout && rolloutSummary(rollout, service),
    groups: groupsOf({ ...facts, views }),
    allocations: views,
    last_failure: failureView(service.planned.lastFailure),
    maintenance: maintenanceView(service),
    preview: previewView(service, rollout),
    pending: facts.pending,
    observed_at: observedAt(facts),
  };
}

/** A job (`pre_deploy`) is shown, but is no copy of the service. */
const isReplica = (view: AllocationView): boolean => view.group !== 'job';

/** A canary runs beside the replicas that are asked for, until it takes their place. */
function replicasReady(views: readonly AllocationView[], rollout: Rollout | null): number {
  const isBeside = rollout?.endedAtMs === null && actingOf(rollout)?.state === 'canary';
  return views.filter(
    (view) => view.state === 'ready' && isReplica(view) && !(isBeside && view.group === 'canary'),
  ).length;
}

function maintenanceView({ maintenance }: Service): ServiceStatus['maintenance'] {
  return maintenance && { message: maintenance.message, by: maintenance.by, since: iso(maintenance.sinceMs) };
}

function allocationView(facts: ServiceFacts, allocation: Allocation): AllocationView {
  const { observed } = allocation;
  const node = facts.nodes.get(allocation.node);
  const traffic = facts.traffic.get(allocation.id);
  const inFlight = facts.inFlight(allocation.id) ?? traffic?.inFlight ?? null;
  return {
    id: allocation.id,
    slot: allocation.slot,
    group: allocation.group,
    release: `v${allocation.release}`,
    node: node?.facts.name ?? allocation.node,
    ...(facts.held.has(allocation.node) ? heldState(allocation, node) : stateOf(allocation, node, inFlight)),
    restarts: observed?.restarts ?? 0,
    in_flight: inFlight,
    routed: allocation.desired === 'routed' && traffic?.state === 'routed',
    endpoint: observed?.endpoint ?? null,
    exit_code: observed?.exitCode ?? null,
    last_logs: observed?.lastLogs ?? [],
    since: iso(observed?.sinceMs ?? allocation.createdAtMs),
  };
}

function stateOf(
  allocation: Allocation,
  node: Node | undefined,
  inFlight: number | null,
): { state: string; reason: string | null } {
  const { observed, desired } = allocation;
  if (!node || node.connectedAtMs === null) {
    const seen = observed ? `; it was last seen ${observed.state}` : '';
    const name = node?.facts.name ?? allocation.node;
    return { state: 'unknown', reason: `node ${name} has no connection to the master${seen}` };
  }
  if (!observed) return { state: 'placed', reason: `node ${node.facts.name} has not reported it yet` };
  if (desired === 'draining') return { state: 'draining', reason: requests(inFlight) };
  if (desired === 'stopped' && observed.state === 'ready')
    return { state: 'stopping', reason: 'told to stop' };
  return { state: observed.state, reason: observed.reason };
}

/** Its agent speaks of what it remembers itself; what the store has of this one is of before. */
function heldState({ observed }: Allocation, node: Node | undefined): { state: string; reason: string } {
  const seen = observed ? `; in this store it was last seen ${observed.state}` : '';
  return {
    state: 'unknown',
    reason: `${node?.facts.name ?? 'its node'} is held, and may run other copies than this master knows${seen}`,
  };
}

const requests = (inFlight: number | null): string =>
  inFlight === null ? 'requests are let finish' : `${inFlight} request${inFlight === 1 ? '' : 's'} in flight`;

/** What the master can't store does not happen, whatever was waited for before. */
function heldUp({ storeProblem }: ServiceFacts, seen: Pick<ServiceStatus, 'status' | 'reason'>): typeof seen {
  return storeProblem === null
    ? seen
    : { ...seen, reason: seen.reason === null ? storeProblem : `${storeProblem}; ${seen.reason}` };
}

/** The one word, and why. In order: what the user asked for, what moves, what is broken, what is not whole. */
function verdict(
  { service, rollout, nodes, traffic }: ServiceFacts,
  views: AllocationView[],
  ready: number,
  wanted: number,
): { status: ServiceStatus['status']; reason: string | null } {
  const waits = service.planned.waits.length > 0 ? service.planned.waits.join('; ') : null;
  const trouble = views.find((view) => isReplica(view) && view.state !== 'ready' && view.reason !== null);
  const why = trouble ? `${trouble.id}: ${trouble.reason}` : null;
  if (service.desired === 'removed') return { status: 'stopped', reason: waits ?? 'it is being removed' };
  if (service.desired === 'stopped' && !isStarting(service, rollout))
    return { status: 'stopped', reason: waits ?? stoppedReason(views, rollout) };
  if (service.maintenance !== null)
    return { status: 'paused', reason: maintenanceReason(service.maintenance) };
  if (rollout && rollout.endedAtMs === null) {
    if (rollout.paused !== null) return { status: 'paused', reason: pausedReason(rollout, rollout.paused) };
    return { status: 'deploying', reason: rollout.reason ?? waits ?? why };
  }
  const failure = service.planned.lastFailure;
  const failed = failure?.message ?? rollout?.reason ?? waits;
  if (service.planned.stable === null && ready === 0) return { status: 'failed', reason: failed };
  if (ready < wanted) {
    const short = `${ready} of ${wanted} replicas ready`;
    return { status: 'degraded', reason: waits ?? (why ? `${short}; ${why}` : short) };
  }
  const served = views.filter((view) => view.state === 'ready' && isReplica(view));
  const unserved =
    wanted > 0 && isRouted(service.spec)
      ? (notServed(served, wanted, nodes.values(), traffic) ?? servedOtherwise(service.spec, nodes.values()))
      : null;
  if (unserved !== null) return { status: 'degraded', reason: waits ?? unserved };
  return { status: 'running', reason: waits ?? (rollout?.state === 'failed' ? lastFailed(rollout) : null) };
}

const maintenanceReason = ({ message, by }: NonNullable<Service['maintenance']>): string =>
  `in maintenance by ${by}: ${message}`;

function pausedReason({ reason }: Rollout, { by }: NonNullable<Rollout['paused']>): string {
  if (reason?.startsWith('paused')) return reason;
  return `paused by ${by}${reason === null ? '' : `; ${reason}`}`;
}

function stoppedReason(views: AllocationView[], last: Rollout | null): string {
  if (views.length > 0) return `stopped on request; ${views.length} still stopping`;
  return `stopped on request${last?.state === 'failed' ? `; ${lastFailed(last)}` : ''}`;
}

/** Said until a later rollout has succeeded: until then what runs is not what was last asked for. */
function lastFailed({ kind, release, endedAtMs, reason }: Rollout): string {
  const of = release === null ? '' : ` of v${release}`;
  const at = endedAtMs === null ? '' : ` at ${iso(endedAtMs).slice(0, 16).replace('T', ' ')} UTC`;
  return `the last ${kind}${of} failed${at}: ${reason ?? ''}`;
}

/** The oldest word of the nodes it runs on: everything shown is at least as new. */
function observedAt(facts: ServiceFacts): string | null {
  const nodes = new Set(facts.allocations.map((a) => a.node));
  const times = [...nodes].map((id) => facts.heardAtMs(id) ?? facts.nodes.get(id)?.lastSeenAtMs ?? 0);
  return times.length === 0 || Math.min(...times) === 0 ? null : iso(Math.min(...times));
}

function urlOf(domain: string, { httpOnly }: ServiceSpec, facts: ServiceFacts): string {
  const [scheme, usual, port] = httpOnly ? ['http', 80, facts.httpPort] : ['https', 443, facts.httpsPort];
  return `${scheme}://${domain}${port === usual ? '' : `:${port}`}/`;
}
