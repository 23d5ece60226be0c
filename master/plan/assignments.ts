/**
 * The complete desired set of one node: containers, images to resolve, images to keep, and what its ingress serves.
 * Pure. Promises that equal inputs give equal assignments, whatever the order of services: dispatch compares them.
 */
import type { Table } from '../../discovery/table.js';
import type { Certificate, Ingress, Route } from '../../proxy-config/route.js';
import type { Allocation, Node, Release } from '../../shared/model.js';
import type { AllocationAssignment, Assignment, ImageKeep, ImageWant } from '../../shared/protocol.js';
import { isBuilt, orderOf } from './builds.js';
import { type CarryPart, isCarried } from './carry.js';
import { hstsOf } from './hsts.js';
import { jobContainer } from './jobs.js';
import { keepTagOf } from './names.js';
import { originOf, type ServiceOrigin, serviceOriginOf } from './origin.js';
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
  /** What it fetches and serves of images that no registry has. */
  carry?: CarryPart;
}

/** What ingress nodes need besides routes. A route's domain without a certificate is left out until it has one. */
export interface IngressSettings {
  httpPort: number;
  httpsPort: number;
  caddy: string;
  /** Addresses and ranges; absent: none. */
  trustedProxies?: readonly string[];
  /** By domain. */
  certificates: ReadonlyMap<string, Certificate>;
  /** Names whose certificate is not of the cluster's own CA; absent: none. */
  trusted?: ReadonlySet<string>;
  fallbackCertificate: Certificate;
  /** The cluster's own name; absent or null: it has none. */
  domain?: string | null;
  /** What a CA is answered; absent: nothing. */
  challenges?: Ingress['challenges'];
}

/** The assignment of `node`, all but its revision. */
export function assignmentOf({
  cluster,
  node,
  services,
  ingress,
  unreachable,
  discovery,
  carry,
}: AssignmentInput): Omit<Assignment, 'revision'> {
  const sorted = [...services].sort((a, b) => (a.service.key < b.service.key ? -1 : 1));
  const shares = sorted.map((state) => ({ share: shareOf(cluster, state), state }));
  const parts = shares.map(({ share, state }) => partOf(node.id, share, state.allocations));
  return {
    type: 'assignment',
    cluster,
    allocations: parts.flatMap((part) => part.allocations),
    images: parts.flatMap((part) => part.images),
    keep: parts.flatMap((part) => part.keep),
    ingress: node.ingress ? { ...ingressOf(sorted, routesOf(sorted, unreachable), ingress) } : null,
    ...(discovery === undefined ? {} : { discovery: { ...discovery } }),
    ...carryOf(node, shares, carry),
    node: { labels: node.labels, cordoned: node.cordoned },
    counters: Object.fromEntries(sorted.map(({ service: s }) => [s.key, s.planned.nextAllocation])),
  };
}

/** What a service gives to the assignment of any node: the same for all of them. */
export interface Share {
  service: Pick<AllocationAssignment, 'project' | 'service' | 'stopGraceMs'>;
  /** Those that its allocations are of. */
  releases: Release[];
  origin: ServiceOrigin;
  /** The release that a rolling update starts now. */
  trial: { release: number; sinceMs: number } | null;
  /** The image that is resolved now, and the node that does it; null: all of them look for it. */
  want: { node: string | null; image: ImageWant } | null;
  keep: ImageKeep[];
  /** Ids of its images that no registry has. */
  carried: string[];
}

export function shareOf(cluster: string, state: ServiceState): Share {
  const { service, rollout, releases } = state;
  const used = new Set(state.allocations.map(({ release }) => release));
  const isRolling = rollout?.state === 'rolling' && rollout.release !== null;
  return {
    service: {
      project: service.project,
      service: service.name,
      stopGraceMs: service.spec.deploy.stopGraceMs,
    },
    releases: releases.filter(({ number }) => used.has(number)),
    origin: serviceOriginOf(state),
    trial: isRolling ? { release: rollout.release ?? 0, sinceMs: rollout.startedAtMs } : null,
    want: imageWant(state),
    keep: keeps(cluster, state),
    carried: [...new Set(releases.filter(isCarried).map(({ image }) => image.id))].sort(),
  };
}

/** What an assignment is made from of an allocation; what its node observes is not. */
const PLACED = [
  'id',
  'node',
  'slot',
  'group',
  'release',
  'desired',
  'createdAtMs',
  'drainingSinceMs',
] as const;
type Placed = Pick<Allocation, (typeof PLACED)[number]>;

/** What of a node's assignment comes of one service. */
export function partOf(
  node: string,
  share: Share,
  allocations: readonly Placed[],
): Pick<Assignment, 'allocations' | 'images' | 'keep'> {
  return {
    allocations: placedOn(node, allocations).flatMap((placed) => {
      const release = share.releases.find((r) => r.number === placed.release);
      return release ? [allocationOf(placed, release, share)] : [];
    }),
    images: share.want && (share.want.node ?? node) === node ? [share.want.image] : [],
    keep: share.keep,
  };
}

/** The same for equal parts, and cheaper than those; `shareMark` is one of the share. */
export function markOfPart(node: string, shareMark: string, allocations: readonly Placed[]): string {
  const placed = placedOn(node, allocations).map((one) => PLACED.map((key) => one[key]));
  return JSON.stringify([shareMark, placed]);
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

const placedOn = (node: string, allocations: readonly Placed[]): Placed[] =>
  allocations.filter((allocation) => allocation.node === node).sort(bySlotThenAge);

function allocationOf(placed: Placed, release: Release, share: Share): AllocationAssignment {
  return {
    ...share.service,
    id: placed.id,
    slot: placed.slot,
    group: placed.group,
    release: placed.release,
    desired: placed.desired === 'stopped' ? 'stopped' : 'running',
    onExit: isOnTrial(placed, share) ? 'report' : 'replace',
    imageId: release.image.id,
    container: placed.group === 'job' ? jobContainer(release.spec) : release.spec.container,
    origin: { ...originOf(placed, release, share.origin) },
  };
}

/** What a rollout started and judges by its first exit; and what drains, which nobody needs again. */
function isOnTrial({ desired, group, release, createdAtMs }: Placed, { trial }: Share): boolean {
  if (desired === 'draining' || desired === 'stopped') return true;
  if (group === 'job') return true;
  if (group === 'canary') return desired === 'running';
  return trial !== null && release === trial.release && createdAtMs >= trial.sinceMs;
}

/** Absent where the node has no part in any, or an agent that does not know of them. */
function carryOf(
  { facts }: Node,
  shares: readonly { share: Share }[],
  part: CarryPart = { fetch: [], serve: [] },
): Pick<Assignment, 'carry'> {
  const watch = [...new Set(shares.flatMap(({ share }) => share.carried))].sort();
  const isNone = watch.length + part.fetch.length + part.serve.length + (part.push?.length ?? 0) === 0;
  return isNone || facts.carries !== true ? {} : { carry: { watch, ...part } };
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

function imageWant({ rollout, releases }: ServiceState): Share['want'] {
  if (rollout?.state !== 'preparing' || rollout.node === null) return null;
  const { id, spec } = rollout;
  const { image, pull: asked } = spec.container;
  if (isBuilt(rollout) && spec.build) {
    const build = orderOf(rollout, spec.build);
    return { node: rollout.node, image: { id, ref: image, pull: 'never', imageId: null, build } };
  }
  // What is looked for everywhere is what somebody has put there: no registry is asked.
  const { node, pull } = rollout.isSearching
    ? { node: null, pull: 'never' as const }
    : { node: rollout.node, pull: asked };
  if (rollout.kind === 'rollback') {
    const stored = releases.find((release) => release.number === rollout.release)?.image;
    const once = pull === 'never' ? pull : 'if-not-present';
    return { node, image: { id, ref: stored?.digest ?? image, pull: once, imageId: stored?.id ?? null } };
  }
  const isForced = rollout.kind === 'redeploy' && pull !== 'never';
  return { node, image: { id, ref: image, pull: isForced ? 'always' : pull, imageId: null } };
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

function ingressOf(
  services: readonly ServiceState[],
  routes: readonly Route[],
  settings: IngressSettings,
): Ingress {
  const served = routes.map((route) => servable(route, settings)).filter((route) => route.domains.length > 0);
  const apiName = settings.domain ?? null;
  const own = apiName !== null && settings.certificates.has(apiName) ? [apiName] : [];
  const overTls = served.flatMap((route) => (route.httpOnly ? [] : route.domains));
  const names = [...new Set([...own, ...overTls])].sort();
  const certificates = names.flatMap((name) => {
    const found = settings.certificates.get(name);
    return found ? [{ ...found, names: [name] }] : [];
  });
  const { trustedProxies = [], challenges = [] } = settings;
  const hsts = hstsOf(services, settings.trusted ?? new Set());
  return {
    httpPort: settings.httpPort,
    httpsPort: settings.httpsPort,
    caddy: settings.caddy,
    routes: served,
    certificates,
    fallbackCertificate: settings.fallbackCertificate,
    ...(own[0] === undefined ? {} : { apiName: own[0] }),
    ...(trustedProxies.length === 0 ? {} : { trustedProxies: [...trustedProxies] }),
    ...(hsts.length === 0 ? {} : { hsts }),
    ...(challenges.length === 0 ? {} : { challenges }),
  };
}

/** With the names that have what they need. Without one of them it is not served as it is marked to be. */
function servable({ mark, ...route }: Route, settings: IngressSettings): Route {
  const domains = route.domains.filter((domain) => isServable(route, domain, settings));
  const isWhole = mark !== undefined && domains.length === route.domains.length;
  return { ...route, domains, ...(isWhole ? { mark } : {}) };
}

/** A name is shown no certificate of another one. */
const isServable = (
  { httpOnly }: Pick<Route, 'httpOnly'>,
  domain: string,
  { certificates }: IngressSettings,
): boolean => httpOnly === true || certificates.has(domain);
