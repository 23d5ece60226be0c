/**
 * Decides since when each allocation is in or out of the acknowledged records, PURE. One whose record did not change keeps
 * its age, whatever changes around it; all ages are times at which the resolver already served what they speak of, or later.
 */
import type { Endpoint } from '../shared/protocol.js';
import type { Route } from './route.js';
import { sharesByName } from './segments.js';
import type { Presence } from './traffic-facts.js';
import type { Upstreams } from './upstreams.js';

export interface PresenceInput {
  routes: Route[];
  /** What the resolver has acknowledged. */
  chosen: Pick<Upstreams, 'published' | 'idle'>;
  /** By SRV name: since when its records are as they are, ms. */
  sinceMs: Record<string, number>;
  before: ReadonlyMap<string, Presence>;
  local: ReadonlyMap<string, Endpoint | null>;
  nowMs: number;
}

/** By allocation id. */
export function presenceAfter(input: PresenceInput): Map<string, Presence> {
  const next = new Map<string, Presence>();
  for (const route of input.routes) {
    const changedAtMs = recordsSinceMs(route, input);
    for (const allocation of route.allocations) {
      const { id } = allocation;
      const endpoint = input.chosen.published.get(id) ?? null;
      const before = input.before.get(id);
      const isSame = before !== undefined && sameEndpoint(before.endpoint, endpoint);
      const local = input.local.get(id) ?? null;
      const isUsable = endpoint !== null || input.chosen.idle.has(id);
      // The name that it was in may be gone, and has no age then: what left the records just now did so now.
      const leftMs = before?.endpoint && endpoint === null ? input.nowMs : changedAtMs;
      next.set(id, {
        endpoint,
        lastEndpoint: endpoint ?? before?.lastEndpoint ?? allocation.endpoint ?? local,
        sinceMs: isSame ? before.sinceMs : leftMs,
        usableSinceMs: isUsable ? (before?.usableSinceMs ?? changedAtMs) : null,
      });
    }
  }
  return next;
}

/** Since when the records under all names of a route are as they are, ms. */
export function recordsSinceMs(
  route: Route,
  { sinceMs, nowMs }: Pick<PresenceInput, 'sinceMs' | 'nowMs'>,
): number {
  const names = [...sharesByName(route).keys()];
  return Math.max(...names.map((name) => sinceMs[name.toLowerCase()] ?? nowMs));
}

function sameEndpoint(a: Endpoint | null, b: Endpoint | null): boolean {
  return a?.address === b?.address && a?.port === b?.port;
}
