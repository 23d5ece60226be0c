/** Which copies of an adopted service are not on the nodes that are here. Pure. */
import { type Copies, newestOf } from './rebuild.js';
import type { RememberedIngress } from './remembered.js';
import type { ServiceState } from './snapshot.js';

/** A sentence each; `routes`: what the ingresses that are here serve. Empty: everything that is wanted is here. */
export function missingOf(
  { service, rollout, allocations, releases }: ServiceState,
  copies: Copies,
  routes: RememberedIngress['routes'],
): string[] {
  const { origin } = newestOf(copies);
  const begun = origin.rollout;
  const isServed = origin.stable === null || releases.some(({ number }) => number === origin.stable);
  const unknown = [
    ...(begun !== null && rollout === null
      ? [
          `${service.key}: no copy of v${begun.release} is here, which its ${begun.kind} brings: it will not go on`,
        ]
      : []),
    ...(isServed
      ? []
      : [`${service.key}: no copy of v${origin.stable} is here, which is its stable release`]),
  ];
  if (service.desired !== 'running') return unknown;
  const live = allocations.filter(({ desired }) => desired === 'running' || desired === 'routed');
  const slots = new Set(live.filter(({ group }) => group === 'stable').map(({ slot }) => slot));
  const wanted = rollout?.canary?.stableGoes ? 0 : service.replicas;
  const empty = Array.from({ length: wanted }, (_, slot) => slot).filter((slot) => !slots.has(slot));
  const canaries = live.filter(({ group }) => group === 'canary').length;
  const lacking = Math.max(0, (rollout?.canary?.replicas ?? 0) - canaries);
  return [
    ...unknown,
    ...(empty.length > 0
      ? [`${service.key}: ${empty.length} of ${wanted} copies ${where(service.key, allocations, routes)}`]
      : []),
    ...(lacking > 0 ? [`${service.key}: ${lacking} copies of its canary are on no node that is here`] : []),
  ];
}

/** What its ingress says of copies that nobody has claimed. */
function where(
  key: string,
  allocations: ServiceState['allocations'],
  routes: RememberedIngress['routes'],
): string {
  const known = new Set(allocations.map(({ id }) => id));
  const routed = routes.filter(({ service }) => service === key).flatMap((route) => route.allocations);
  const unclaimed = new Map(routed.filter(({ id }) => !known.has(id)).map(({ id, node }) => [id, node]));
  if (unclaimed.size === 0) return 'are on no node that is here';
  return `are on nodes that are not here (${[...unclaimed].map(([id, node]) => `${id} on ${node}`).join(', ')})`;
}
