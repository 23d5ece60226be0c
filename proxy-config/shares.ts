/**
 * Decides which canary shares are in force, PURE. In force: the records made with it are acknowledged, Caddy's running
 * config looks up all their names, and one refresh has passed since, so that no request is split by an older one.
 */
import type { IngressObserved } from '../shared/protocol.js';
import { recordsSinceMs } from './presence.js';
import type { Route } from './route.js';
import { sharesByName } from './segments.js';

/** A service's share as it was last acknowledged, and since when its records are as they are, ms. */
export interface PublishedShare {
  canaryWeight: number;
  sinceMs: number;
  /** Of the route that it was published with; null: it had none. */
  mark: string | null;
}

export interface ShareInput {
  routes: Route[];
  /** By service. */
  published: ReadonlyMap<string, PublishedShare>;
  loadedNames: ReadonlySet<string>;
  refreshMs: number;
  nowMs: number;
}

/** The shares that the acknowledged records were made with, by service. */
export function sharesPublished(
  routes: Route[],
  known: { sinceMs: Record<string, number>; nowMs: number },
): Map<string, PublishedShare> {
  return new Map(
    routes.map((route) => [
      route.service,
      {
        canaryWeight: route.canaryWeight,
        sinceMs: recordsSinceMs(route, known),
        mark: route.mark ?? null,
      },
    ]),
  );
}

/** The shares in force at `nowMs`, and when time alone brings the next one. */
export function sharesInForce(input: ShareInput): {
  weights: IngressObserved['weights'];
  wakeAtMs: number | null;
} {
  const weights: IngressObserved['weights'] = [];
  let wakeAtMs: number | null = null;
  for (const route of input.routes) {
    const { service } = route;
    const share = input.published.get(service);
    const names = [...sharesByName(route).keys()];
    if (!share || !names.every((name) => input.loadedNames.has(name))) continue;
    const atMs = share.sinceMs + input.refreshMs;
    if (input.nowMs >= atMs) weights.push({ service, canaryWeight: share.canaryWeight });
    else wakeAtMs = Math.min(wakeAtMs ?? atMs, atMs);
  }
  return { weights, wakeAtMs };
}
