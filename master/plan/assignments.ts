/**
 * The complete desired set of one node: containers, images to resolve, images to keep, and what its ingress serves.
 * Pure. Promises that equal inputs give equal assignments, whatever the order of services: dispatch compares them.
 */
import type { Table } from '../../discovery/table.js';
import type { Certificate, Ingress, Route } from '../../proxy-config/route.js';
import type { Allocation, Node, Release, Rollout } from '../../shared/model.js';
import type { AllocationAssignment, Assignment, ImageKeep, ImageWant } from '../../shared/protocol.js';
import { jobContainer } from './jobs.js';
import { keepTagOf } from './names.js';
import { originOf } from './origin.js';
import { routesOf } from './routes.js';
import { bySlotThenAge } from './seen.js';
import type { ServiceState } from './snapshot.js';

export interface AssignmentInput {
  cluster: string;
  node: Node;
  /** All services of the cluster, in any order. */
  services: readonly ServiceState[];
  ingress: IngressSettings;
  /** Ids of the nodes that are not to be routed to. */
  unreachable: ReadonlySet<string>;
  /** The names that its containers may use. */
  discovery?: Table;
}

/** What ingress nodes need besides routes. A route's domain without a certificate is left out until it has one. */
export interface IngressSettings {
  httpPort: number;
  httpsPort: number;
  caddy: string;
  /** By domain. */
  certificates: ReadonlyMap<string, Certificate>;
  fallbackCertificate: Certificate;
}

/** The assignment of `node`, all but its revision. */
export function assignmentOf({
  cluster,
  node,
  services,
  ingress,
  unreachable,
  discovery,
}: AssignmentInput): Omit<Assignment, 'revision'> {
  const sorted = [...services].sort((a, b) => (a.service.key < b.service.key ? -1 : 1));
  const parts = sorted.map((state) => partOf(cluster, node, state));
  return {
    type: 'assignment',
    cluster,
    allocations: parts.flatMap((part) => part.allocations),
    images: parts.flatMap((part) => part.images),
    keep: parts.flatMap((part) => part.keep),
    ingress: node.ingress ? { ...ingressOf(routesOf(sorted, unreachable), ingress) } : null,
    ...(discovery === undefined ? {} : { discovery: { ...discovery } }),
    node: { labels: node.labels, cordoned: node.cordoned },
    counters: Object.fromEntries(sorted.map(({ service: s }) => [s.key, s.planned.nextAllocation])),
  };
}

/** What of a node's assignment comes of one service: it changes with that service alone. */
export function partOf(
  cluster: string,
  node: Pick<Node, 'id'>,
  state: ServiceState,
): Pick<Assignment, 'allocations' | 'images' | 'keep'> {
  return {
    allocations: allocationsOn(node, state),
    images: imageWants(node, state),
    keep: keeps(cluster, state),
  };
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

function allocationsOn(node: Pick<Node, 'id'>, state: ServiceState): AllocationAssignment[] {
  return state.allocations
    .filter((allocation) => allocation.node === node.id)
    .sort(bySlotThenAge)
    .flatMap((allocation) => {
      const release = state.releases.find((r) => r.number === allocation.release);
      return release ? [allocationOf(allocation, release, state)] : [];
    });
}

function allocationOf(allocation: Allocation, release: Release, state: ServiceState): AllocationAssignment {
  const { service, rollout } = state;
  return {
    id: allocation.id,
    project: service.project,
    service: service.name,
    slot: allocation.slot,
    group: allocation.group,
    release: allocation.release,
    desired: allocation.desired === 'stopped' ? 'stopped' : 'running',
    onExit: isOnTrial(allocation, rollout) ? 'report' : 'replace',
    stopGraceMs: service.spec.deploy.stopGraceMs,
    imageId: release.image.id,
    container: allocation.group === 'job' ? jobContainer(release.spec) : release.spec.container,
    origin: { ...originOf(allocation, release, state) },
  };
}

/** What a rollout started and judges by its first exit; and what drains, which nobody needs again. */
function isOnTrial(allocation: Allocation, rollout: Rollout | null): boolean {
  if (allocation.desired === 'draining' || allocation.desired === 'stopped') return true;
  if (allocation.group === 'job') return true;
  if (allocation.group === 'canary') return allocation.desired === 'running';
  return (
    rollout?.state === 'rolling' &&
    allocation.release === rollout.release &&
    allocation.createdAtMs >= rollout.startedAtMs
  );
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

function imageWants(node: Pick<Node, 'id'>, { rollout, releases }: ServiceState): ImageWant[] {
  if (rollout?.state !== 'preparing' || rollout.node !== node.id) return [];
  const { image, pull } = rollout.spec.container;
  if (rollout.kind === 'rollback') {
    const stored = releases.find((release) => release.number === rollout.release)?.image;
    const once = pull === 'never' ? pull : 'if-not-present';
    return [{ id: rollout.id, ref: stored?.digest ?? image, pull: once, imageId: stored?.id ?? null }];
  }
  const isForced = rollout.kind === 'redeploy' && pull !== 'never';
  return [{ id: rollout.id, ref: image, pull: isForced ? 'always' : pull, imageId: null }];
}

function keeps(cluster: string, { service, releases }: ServiceState): ImageKeep[] {
  return [...releases]
    .sort((a, b) => a.number - b.number)
    .map(({ image, number }) => ({
      imageId: image.id,
      tag: keepTagOf(cluster, service.project, service.name, number),
    }));
}

/* ---- ingress ----------------------------------------------------------------------------------------------------- */

function ingressOf(routes: readonly Route[], settings: IngressSettings): Ingress {
  const served = routes
    .map((route) => ({ ...route, domains: route.domains.filter((d) => settings.certificates.has(d)) }))
    .filter((route) => route.domains.length > 0);
  const names = [...new Set(served.flatMap((route) => route.domains))].sort();
  const certificates = names.flatMap((name) => settings.certificates.get(name) ?? []);
  return {
    httpPort: settings.httpPort,
    httpsPort: settings.httpsPort,
    caddy: settings.caddy,
    routes: served,
    certificates: [...new Set(certificates)],
    fallbackCertificate: settings.fallbackCertificate,
  };
}
