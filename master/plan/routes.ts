/**
 * What the ingress serves: which allocations of which service, under which names. Pure. An allocation is in its route
 * from the moment it is desired `routed` until it is desired `stopped`; a service that is stopped keeps its route (it
 * is answered 503), one that is removed keeps it until nothing of it is left.
 */
import type { Route, RoutedAllocation } from '../../proxy-config/route.js';
import { type Allocation, actingOf, isPreparing, isWanted } from '../../shared/model.js';
import { stepsOf } from './canary.js';
import { srvNameOf } from './names.js';
import { bySlotThenAge } from './seen.js';
import { hasRoute, markOf } from './shape.js';
import type { ServiceState } from './snapshot.js';

/** The routes of all services that the ingress serves, in the order of their keys; `unreachable`: ids of silent nodes. */
export function routesOf(services: readonly ServiceState[], unreachable: ReadonlySet<string>): Route[] {
  const held = new Set(services.flatMap(({ service }) => service.spec.domains));
  return services
    .filter(hasRoute)
    .sort((a, b) => (a.service.key < b.service.key ? -1 : 1))
    .map((state) => routeOf(state, held, unreachable));
}

/** What it inherits while its rollout prepares: between the one that gave a domain up and its own turn it would be nobody's. */
export function inheritedBy({ rollout }: Pick<ServiceState, 'rollout'>): string[] {
  return rollout !== null && isPreparing(rollout) ? (rollout.inherits ?? []) : [];
}

function routeOf(
  { service, rollout, allocations }: ServiceState,
  held: ReadonlySet<string>,
  unreachable: ReadonlySet<string>,
): Route {
  const { spec } = service;
  const inherited = inheritedBy({ rollout }).filter((domain) => !held.has(domain));
  return {
    service: service.key,
    srvName: srvNameOf(service.project, service.name),
    domains: [...spec.domains, ...inherited],
    paths: [...spec.routes],
    stripPrefix: spec.stripPrefix,
    ...(spec.httpOnly ? { httpOnly: true } : {}),
    wanted: isWanted(service, rollout),
    canaryWeight: service.planned.canaryWeight,
    sticky: spec.deploy.sticky,
    boundaries: spec.deploy.sticky ? boundariesOf(service, rollout) : [],
    groupHeader: spec.deploy.groupHeader,
    measured: spec.deploy.strategy === 'canary',
    maintenance: service.maintenance?.message ?? null,
    allocations: reachable(allocations, unreachable).sort(bySlotThenAge).flatMap(routedAllocation),
    mark: markOf(service),
  };
}

/** Every share that a client may have to be held to: of the steps, and what a user set by hand. */
function boundariesOf(
  { spec, planned }: ServiceState['service'],
  rollout: ServiceState['rollout'],
): number[] {
  const weights = [...stepsOf(spec.deploy), planned.canaryWeight, actingOf(rollout)?.canary?.weight ?? 0];
  return [...new Set(weights)].filter((weight) => weight > 0 && weight < 100).sort((a, b) => a - b);
}

/** Without those on silent nodes, unless none would be left that answers: then only an agent may be gone, and its containers serve on. */
function reachable(allocations: readonly Allocation[], unreachable: ReadonlySet<string>): Allocation[] {
  const heard = allocations.filter(({ node }) => !unreachable.has(node));
  return heard.some(isAnswering) ? heard : [...allocations];
}

/** It was ready when its node was last heard. */
const isAnswering = ({ desired, observed }: Allocation): boolean =>
  desired === 'routed' && observed?.state === 'ready';

/** What is not ready gets no requests, wherever it runs; where one that drains is, is where its requests are counted. */
function routedAllocation(allocation: Allocation): RoutedAllocation[] {
  const { id, node, group, release, desired, observed } = allocation;
  if (desired !== 'routed' && desired !== 'draining') return [];
  const isReached = desired === 'draining' || isAnswering(allocation);
  return [{ id, node, group, release, desired, endpoint: isReached ? (observed?.endpoint ?? null) : null }];
}
