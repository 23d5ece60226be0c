/** A host of the simulated cluster: what its containers, images and ingress do with time. What an image does is said by its
 *  name: see simulated-cluster. */
import type { Route } from '../../proxy-config/route.js';
import type { Node } from '../../shared/model.js';
import type {
  AllocationAssignment,
  AllocationObserved,
  Assignment,
  ImageWant,
  IngressObserved,
  Traffic,
} from '../../shared/protocol.js';

export const REFRESH_MS = 1_000;

export interface Container {
  state: AllocationObserved['state'];
  sinceMs: number;
  restarts: number;
}

export interface Routing {
  state: Traffic['state'];
  sinceMs: number;
  inFlight: number;
}

/** A host: what really is, told to the master only by `report`. */
export interface Host {
  id: string;
  isConnected: boolean;
  assignment: Omit<Assignment, 'revision'> | null;
  containers: Map<string, Container>;
  images: Map<string, Node['images'][number]>;
  /** Ids of images that are gone from it and can't be pulled. */
  lost: Set<string>;
  routing: Map<string, Routing>;
  /** The canary's share by service, and since when its records say so. */
  weights: Map<string, { weight: number; sinceMs: number }>;
  /** The mark of each service's route, and since when it is wanted; null: its Caddy is an older agent's, which says nothing of it. */
  shapes: Map<string, { mark: string; sinceMs: number }> | null;
  /** What its Caddy says of every new mark; null: it takes them. */
  refuses: string | null;
  /** Its Caddy takes nothing up. */
  isStuck: boolean;
}

export function newHost(id: string): Host {
  return {
    id,
    isConnected: true,
    assignment: null,
    containers: new Map(),
    images: new Map(),
    lost: new Set(),
    routing: new Map(),
    weights: new Map(),
    shapes: new Map(),
    refuses: null,
    isStuck: false,
  };
}

export function nextRouting(
  routing: Routing,
  desired: 'routed' | 'draining',
  nowMs: number,
  inFlight: number,
): Routing {
  const forMs = nowMs - routing.sinceMs;
  if (desired === 'routed') {
    if (routing.state === 'pending' && forMs >= REFRESH_MS)
      return { ...routing, state: 'routed', sinceMs: nowMs };
    const isBack = routing.state === 'draining' || routing.state === 'drained';
    return isBack ? { state: 'pending', sinceMs: nowMs, inFlight: 0 } : routing;
  }
  if (routing.state === 'routed' || routing.state === 'pending')
    return { state: 'draining', sinceMs: nowMs, inFlight };
  if (routing.state === 'draining' && forMs >= REFRESH_MS) {
    const left = routing.inFlight - 1;
    return left <= 0
      ? { state: 'drained', sinceMs: nowMs, inFlight: 0 }
      : { ...routing, sinceMs: nowMs, inFlight: left };
  }
  return routing;
}

export function observedOf(assigned: AllocationAssignment, host: Host): AllocationObserved {
  const container = host.containers.get(assigned.id);
  const state = container?.state ?? (assigned.desired === 'stopped' ? 'gone' : 'pending');
  return {
    id: assigned.id,
    state,
    reason: reasonOf(state),
    sinceMs: container?.sinceMs ?? 0,
    restarts: container?.restarts ?? 0,
    exitCode: state === 'exited' ? (isJobDone(assigned) ? 0 : 1) : null,
    lastLogs: linesOf(state, assigned),
    endpoint: state === 'ready' ? { address: '172.17.0.1', port: 32_768 } : null,
    containerId: container ? `c-${assigned.id}` : null,
  };
}

/** A job's last lines are told also when it was stopped. */
function linesOf(state: AllocationObserved['state'], { group }: AllocationAssignment): string[] {
  if (state === 'exited') return ['it went wrong'];
  return group === 'job' && state === 'gone' ? ['it went on and on'] : [];
}

/** A job ends well unless its command says otherwise. */
function isJobDone({ group, container }: AllocationAssignment): boolean {
  return group === 'job' && !container.entrypoint?.includes('fails');
}

function reasonOf(state: AllocationObserved['state']): string | null {
  if (state === 'exited') return 'exited with 1 after 0.5 s';
  if (state === 'failed') return 'no such mount';
  return null;
}

export function imageOf({ id, ref, imageId }: ImageWant, lost: ReadonlySet<string>): Node['images'][number] {
  const isAbsent = ref.startsWith('absent') || lost.has(imageId ?? `sha256:${ref}`);
  return {
    id,
    state: isAbsent ? 'failed' : 'ready',
    percent: null,
    imageId: isAbsent ? null : (imageId ?? `sha256:${ref}`),
    digest: null,
    reason: isAbsent ? 'manifest unknown' : null,
  };
}

export function isMakeable({ container, imageId }: AllocationAssignment, { lost }: Host): boolean {
  return !container.image.startsWith('unmakeable') && !lost.has(imageId);
}

/** One turn of a container that is to run: it comes up, exits, or is replaced, as its image does. */
export function liveOn(assigned: AllocationAssignment, container: Container, nowMs: number): void {
  const { image } = assigned.container;
  const upMs = nowMs - container.sinceMs;
  if (assigned.group === 'job') {
    if (container.state === 'starting' && upMs >= 1_000 && !assigned.container.entrypoint?.includes('hangs'))
      enter(container, 'exited', nowMs);
  } else if (container.state === 'exited' && assigned.onExit === 'replace') {
    enter(container, 'starting', nowMs);
    container.restarts += 1;
  } else if (container.state === 'starting' && image.startsWith('exits') && upMs >= 500) {
    enter(container, 'exited', nowMs);
  } else if (container.state === 'starting' && !image.startsWith('never')) {
    if (upMs >= (image.startsWith('slow') ? 5_000 : 1_000)) enter(container, 'ready', nowMs);
  }
}

export function enter(container: Container, state: Container['state'], nowMs: number): void {
  container.state = state;
  container.sinceMs = nowMs;
}

/** Its ingress knows these allocations from now on, and no others. */
export function routeOn(
  host: Host,
  wanted: readonly Route['allocations'][number][],
  nowMs: number,
  inFlight: number,
): void {
  for (const id of host.routing.keys()) if (!wanted.some((w) => w.id === id)) host.routing.delete(id);
  for (const { id, desired } of wanted) {
    const routing = host.routing.get(id) ?? { state: 'pending' as const, sinceMs: nowMs, inFlight: 0 };
    host.routing.set(id, nextRouting(routing, desired, nowMs, inFlight));
  }
}

/** Its ingress serves these so from now on. */
export function shapeOn(host: Host, routes: readonly Route[], nowMs: number): void {
  for (const { service, canaryWeight: weight, mark = '' } of routes) {
    if (host.weights.get(service)?.weight !== weight) host.weights.set(service, { weight, sinceMs: nowMs });
    if (host.shapes && !host.isStuck && host.shapes.get(service)?.mark !== mark)
      host.shapes.set(service, { mark, sinceMs: nowMs });
  }
  for (const service of host.shapes?.keys() ?? [])
    if (!routes.some((route) => route.service === service)) host.shapes?.delete(service);
}

function shapesOf({ shapes, refuses }: Host, nowMs: number): Pick<IngressObserved, 'shapes'> {
  if (shapes === null) return {};
  return {
    shapes: [...shapes].map(([service, { mark, sinceMs }]) => {
      if (refuses !== null) return { service, mark: null, refused: { mark, reason: refuses } };
      return { service, mark: nowMs - sinceMs >= REFRESH_MS ? mark : null };
    }),
  };
}

/** What its ingress says. */
export function ingressOf(host: Host, nowMs: number): Node['ingressObserved'] {
  const traffic = [...host.routing].map(([allocation, { state, inFlight }]) => ({
    allocation,
    state,
    inFlight,
    reason: null,
  }));
  return {
    revision: 1,
    caddy: 'running',
    caddyVersion: null,
    resolver: 'running',
    reason: null,
    traffic,
    weights: [...host.weights]
      .filter(([, { sinceMs }]) => nowMs - sinceMs >= REFRESH_MS)
      .map(([service, { weight }]) => ({ service, canaryWeight: weight })),
    ...shapesOf(host, nowMs),
  };
}
