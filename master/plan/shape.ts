/**
 * Whether the ingresses serve a service as it is in force (`shared/shape`). Pure. Promises that a change in place counts as made only
 * when every live ingress node has said so, and that no older word of it is taken for that: each state of a service that users made has
 * a mark of its own, also when an earlier one was alike.
 */
import { canonicalJson, fingerprint } from '../../shared/fingerprint.js';
import type { Node, Rollout, Service } from '../../shared/model.js';
import type { ShapeObserved } from '../../shared/shape.js';
import { isRouted, type ServiceSpec } from '../../shared/spec.js';
import type { ServiceState } from './snapshot.js';
import { isLiveNode, noIngress } from './traffic.js';

/** It has a route: until nothing of it is left when it is being removed, and while any of its releases could be routed to. */
export function hasRoute({ service, releases, allocations }: Omit<ServiceState, 'rollout'>): boolean {
  if (service.desired === 'removed' && allocations.length === 0) return false;
  const containers = [service.spec.container, ...releases.map((release) => release.spec.container)];
  return containers.some((container) => isRouted({ ...service.spec, container }));
}

/** The mark of how a service is served now. What an ingress splits and to whom is said of shares and allocations. */
export function markOf({ spec, maintenance, updatedAtMs }: Service): string {
  return fingerprint([updatedAtMs, maintenance, ...servedOf(spec)]).slice(0, 20);
}

function servedOf({ domains, routes, stripPrefix, httpOnly, hsts, deploy }: ServiceSpec): unknown[] {
  const { sticky, groupHeader, strategy } = deploy;
  return [domains, routes, stripPrefix, httpOnly ?? false, hsts ?? null, sticky, groupHeader, strategy];
}

export interface InForce {
  isInForce: boolean;
  /** Why not, in a sentence; empty when it is. */
  reason: string;
  /** What a Caddy says that would not load it; null: none does. */
  refusal: string | null;
}

/** Whether all live ingress nodes serve it as it is in force. Agents that say nothing of shapes (older ones) are not waited for. */
export function shapeInForce(state: Omit<ServiceState, 'rollout'>, ingress: readonly Node[]): InForce {
  const { key } = state.service;
  const wanted = hasRoute(state) ? markOf(state.service) : null;
  const live = ingress.filter(isLiveNode);
  if (live.length === 0 && wanted !== null)
    return { isInForce: false, reason: noIngress(ingress), refusal: null };
  const late = live.filter((node) => !isServedBy(node, key, wanted));
  const refusal = late.flatMap((node) => refusalOn(node, key, wanted) ?? [])[0] ?? null;
  const [first] = late;
  if (first === undefined) return { isInForce: true, reason: '', refusal: null };
  const why = first.ingressObserved?.reason ?? null;
  const who = `the ingress on ${first.facts.name}`;
  const reason =
    why === null ? `${who} has not loaded its routes yet` : `${who} has not loaded its routes yet: ${why}`;
  return { isInForce: false, reason: refusal ?? reason, refusal };
}

/** The same for a rollout of the service. One that leaves the shape as it was is not held up by a Caddy that refuses it: that is not of
 *  its making, and it may be what mends something else. */
export function shapeOfRollout(
  state: Omit<ServiceState, 'rollout'>,
  { undo }: Rollout,
  ingress: readonly Node[],
): InForce {
  const shape = shapeInForce(state, ingress);
  const isAsBefore =
    undo !== null && canonicalJson(servedOf(undo.spec)) === canonicalJson(servedOf(state.service.spec));
  return shape.refusal !== null && isAsBefore ? { isInForce: true, reason: '', refusal: null } : shape;
}

function isServedBy({ ingressObserved }: Node, key: string, wanted: string | null): boolean {
  if (ingressObserved === null) return wanted === null;
  if (ingressObserved.shapes === undefined) return true;
  const said = shapeOn(ingressObserved.shapes, key);
  return wanted === null ? said === undefined : said?.mark === wanted;
}

function refusalOn({ facts, ingressObserved }: Node, key: string, wanted: string | null): string | null {
  const refused = shapeOn(ingressObserved?.shapes, key)?.refused;
  return refused?.mark === wanted ? `the ingress on ${facts.name} refuses it: ${refused.reason}` : null;
}

const shapeOn = (shapes: readonly ShapeObserved[] | undefined, key: string): ShapeObserved | undefined =>
  shapes?.find((one) => one.service === key);
