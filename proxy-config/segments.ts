/**
 * Decides under which SRV names the upstreams of a service are looked up, PURE: one for the weighted mixture of both groups,
 * and, where a client's group is not left to chance, one for each answer there can be. Caddy's config only chooses among
 * names, by the client's cookie or header; what a name answers changes with the weight, without a load.
 *
 * A client's cookie is a number in 0…2³²−1. The boundaries cut these numbers into segments, `u<percent>` by their upper
 * bound; a segment is the canary's when its upper bound is at most the weight. So a client's group depends on its number
 * and the weight alone, and moves one way when the weight does.
 */
import type { Route } from './route.js';

/** A name with the part of the clients that it answers. */
export interface Segment {
  name: string;
  /** Percent; `to` is the upper bound. */
  from: number;
  to: number;
}

type Named = Pick<Route, 'srvName' | 'sticky' | 'boundaries' | 'groupHeader'>;

/** The segments of a sticky route, in rising order; none for any other. */
export function segmentsOf({ srvName, sticky, boundaries }: Named): Segment[] {
  if (!sticky) return [];
  const bounds = [...new Set([...boundaries, 100])].filter((b) => b > 0 && b <= 100).sort((a, b) => a - b);
  return bounds.map((to, i) => ({ name: `u${to}.${srvName}`, from: bounds[i - 1] ?? 0, to }));
}

/** The names that the header chooses. */
export function groupName({ srvName }: Named, group: 'stable' | 'canary'): string {
  return `${group}.${srvName}`;
}

/** What share of the requests under each name goes to the canary, in percent, at this weight. */
export function sharesByName(route: Named & Pick<Route, 'canaryWeight'>): Map<string, number> {
  const { canaryWeight } = route;
  const shares = new Map([[route.srvName, canaryWeight]]);
  for (const { name, from, to } of segmentsOf(route)) {
    const inside = Math.min(Math.max(canaryWeight - from, 0), to - from);
    shares.set(name, (inside / (to - from)) * 100);
  }
  if (route.groupHeader) {
    shares.set(groupName(route, 'canary'), 100);
    shares.set(groupName(route, 'stable'), 0);
  }
  return shares;
}

/** How many SRV names Caddy looks up for these routes at most; it keeps the answers of 100 (measured). */
export function countNames(routes: Route[]): number {
  return routes.reduce((sum, route) => sum + sharesByName(route).size, 0);
}

/** The first number above `percent` of all: 8 hex digits, as a cookie has them. */
export function thresholdOf(percent: number): string {
  return Math.floor((percent / 100) * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}
