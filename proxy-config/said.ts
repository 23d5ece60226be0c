/** What an ingress says of itself, put together, PURE: from what Caddy runs, what was published and what goes through. */
import type { IngressObserved } from '../shared/protocol.js';
import { caddyFacts, type EdgeState } from './edge.js';
import type { Route } from './route.js';
import { shapesInForce } from './shapes.js';
import { type PublishedShare, sharesInForce } from './shares.js';

export interface Known {
  routes: Route[];
  /** By service. */
  published: ReadonlyMap<string, PublishedShare>;
  edge: EdgeState;
  isResolved: boolean;
  refreshMs: number;
  nowMs: number;
}

export interface InForce extends Pick<IngressObserved, 'weights' | 'shapes'> {
  /** When time alone changes it, ms since the epoch. */
  wakeAtMs: (number | null)[];
}

/** The shares and shapes in force. Without the resolver Caddy falls back to stable: no share is. */
export function inForceOf(known: Known): InForce {
  const { edge, isResolved } = known;
  const shares = isResolved
    ? sharesInForce({ ...known, loadedNames: edge.loadedNames })
    : { weights: [], wakeAtMs: null };
  const { loaded, refused, refusals } = edge;
  const { shapes, wakeAtMs } = shapesInForce({ ...known, loaded, refused, refusals });
  return { weights: shares.weights, shapes, wakeAtMs: [shares.wakeAtMs, wakeAtMs] };
}

/** `resolverReason`: what is wrong with the resolver, or null. */
export function observedOf(
  revision: number,
  { edge, isResolved }: Pick<Known, 'edge' | 'isResolved'>,
  resolverReason: string | null,
  said: Pick<IngressObserved, 'traffic' | 'weights' | 'shapes'>,
): IngressObserved {
  const refused = [...edge.refusals].map(([service, why]) => `${service}: ${why}`)[0];
  return {
    revision,
    ...caddyFacts(edge),
    resolver: isResolved ? 'running' : 'down',
    reason: edge.reason ?? edge.loadReason ?? resolverReason ?? refused ?? null,
    ...{ traffic: said.traffic, weights: said.weights, shapes: said.shapes },
  };
}
