/**
 * Decides what may be said of the traffic of each allocation, PURE: publications, ages and samples in, facts out.
 *
 * `routed`: its service is in Caddy's running config, its record was acknowledged, and one refresh has passed since.
 * At a share of 0 or 100 a group has no records, in maintenance none has: those that are usable are `routed` without, and
 * stay it when their records go, since nothing else is to come. One that is not ready never is.
 * `drained`: out of the acknowledged records, one refresh has passed since, then nothing in flight three times in a
 * row. Neither is ever said early: looking at what is in flight before a refresh has passed loses requests (measured).
 */
import type { Endpoint, Traffic } from '../shared/protocol.js';
import type { Route, RoutedAllocation } from './route.js';
import { dialOf, upstreamKey } from './upstreams.js';

/** What is known of the publication of one allocation: in or out of the acknowledged records, and since when. */
export interface Presence {
  /** Where it is published; null: it has no record. */
  endpoint: Endpoint | null;
  /** Where it was last published or said to listen: what is watched while it drains. */
  lastEndpoint: Endpoint | null;
  sinceMs: number;
  /** Since when it is in the records, or usable and out of them on purpose; null: neither. */
  usableSinceMs: number | null;
}

export interface Sample {
  inFlight: number;
  /** How many samples in a row, taken after the refresh, saw nothing. */
  zeros: number;
}

export interface TrafficInput {
  routes: Route[];
  presence: ReadonlyMap<string, Presence>;
  samples: ReadonlyMap<string, Sample>;
  /** SRV names in the config that Caddy runs. */
  loadedNames: ReadonlySet<string>;
  /** Why Caddy does not run the newest config, or null. */
  loadReason: string | null;
  refusals: ReadonlyMap<string, string>;
  refreshMs: number;
  nowMs: number;
}

export interface TrafficFacts {
  traffic: Traffic[];
  /** When time alone changes a fact, ms since the epoch. */
  wakeAtMs: number | null;
  /** Allocations to sample now. */
  watch: string[];
}

/** Beyond the refresh: a request that picked its upstream just before may not be counted yet. */
export const SETTLE_MS = 100;
export const ZEROS_WANTED = 3;

/** The facts at `nowMs`, one per allocation of the routes, in their order. */
export function trafficFacts(input: TrafficInput): TrafficFacts {
  const facts: TrafficFacts = { traffic: [], wakeAtMs: null, watch: [] };
  for (const route of input.routes) {
    for (const allocation of route.allocations) {
      const fact =
        allocation.desired === 'draining'
          ? drainFact(allocation, input, facts)
          : routeFact(route, allocation, input, facts);
      facts.traffic.push({ allocation: allocation.id, ...fact });
    }
  }
  return facts;
}

/** Whether the allocation is out of the records for long enough that no request can still pick it. */
export function isSettledOut(presence: Presence | undefined, refreshMs: number, nowMs: number): boolean {
  return presence?.endpoint === null && nowMs >= presence.sinceMs + refreshMs + SETTLE_MS;
}

/** The names under which Caddy may count requests of an endpoint: from its SRV record, or as a static fallback. */
export function inFlightOf(endpoint: Endpoint, counts: ReadonlyMap<string, number>): number {
  return (counts.get(upstreamKey(endpoint)) ?? 0) + (counts.get(dialOf(endpoint)) ?? 0);
}

type Fact = Omit<Traffic, 'allocation'>;

function routeFact(
  route: Route,
  allocation: RoutedAllocation,
  input: TrafficInput,
  facts: TrafficFacts,
): Fact {
  const presence = input.presence.get(allocation.id);
  const pending = (reason: string): Fact => ({ state: 'pending', inFlight: 0, reason });
  const refused = input.refusals.get(route.service);
  if (refused !== undefined) return pending(refused);
  if (!presence || presence.usableSinceMs === null)
    return pending(unpublishedReason(route, allocation, presence));
  if (!input.loadedNames.has(route.srvName)) {
    return pending(input.loadReason ?? "its route is not in Caddy's configuration yet");
  }
  const atMs = (presence.endpoint ? presence.sinceMs : presence.usableSinceMs) + input.refreshMs;
  if (input.nowMs >= atMs) return { state: 'routed', inFlight: 0, reason: null };
  facts.wakeAtMs = Math.min(facts.wakeAtMs ?? atMs, atMs);
  return pending('Caddy may not have asked for the new records yet');
}

function unpublishedReason(
  route: Route,
  allocation: RoutedAllocation,
  presence: Presence | undefined,
): string {
  if (!route.wanted) return 'the service is stopped';
  if (!presence) return 'its record is not published yet';
  return presence.lastEndpoint === null || allocation.endpoint === null
    ? 'it is not ready'
    : 'it has no record now';
}

function drainFact(allocation: RoutedAllocation, input: TrafficInput, facts: TrafficFacts): Fact {
  const presence = input.presence.get(allocation.id);
  const sample = input.samples.get(allocation.id);
  const inFlight = sample?.inFlight ?? 0;
  const draining = (reason: string): Fact => ({ state: 'draining', inFlight, reason });
  if (presence?.endpoint !== null) return draining('its record is not withdrawn yet');
  facts.watch.push(allocation.id);
  const atMs = presence.sinceMs + input.refreshMs + SETTLE_MS;
  if (input.nowMs < atMs) {
    facts.wakeAtMs = Math.min(facts.wakeAtMs ?? atMs, atMs);
    return draining('Caddy may not have asked for the new records yet');
  }
  if (presence.lastEndpoint === null || (sample?.zeros ?? 0) >= ZEROS_WANTED) {
    facts.watch.pop();
    return { state: 'drained', inFlight: 0, reason: null };
  }
  return draining(inFlight === 1 ? '1 request in flight' : `${inFlight} requests in flight`);
}
