/**
 * Counts what went through, by service and release, upwards from its start. Knows whose an upstream is from the routes,
 * also for a while after it has left them: a request that was in flight is counted when it ends.
 */
import { bucketOf, LATENCY_BUCKETS } from '../shared/latency.js';
import type { Endpoint, Figures } from '../shared/protocol.js';
import type { Route } from './route.js';
import { readTrafficLine } from './traffic-line.js';
import { dialOf, upstreamKey } from './upstreams.js';

/** Upstreams remembered after they have left the routes, and releases counted for a service. */
const MAX_UPSTREAMS = 4_000;
const MAX_RELEASES = 5;

export interface TrafficCounter {
  /** The routes as they are, and where their allocations are reached. */
  follow(routes: readonly Route[], endpointOf: (allocation: string) => Endpoint | null): void;
  /** One line of the log. */
  count(text: string): void;
  figures(): Figures[];
}

export function createTrafficCounter(): TrafficCounter {
  const owners = new Map<string, { service: string; release: number }>();
  const counted = new Map<string, Map<number, Figures>>();

  const own = (name: string, owner: { service: string; release: number }): void => {
    owners.delete(name);
    owners.set(name, owner);
  };
  const figuresOf = (service: string, release: number): Figures | undefined => {
    const releases = counted.get(service);
    if (!releases) return undefined;
    const found = releases.get(release) ?? noFigures(service, release);
    releases.set(release, found);
    if (releases.size > MAX_RELEASES) releases.delete(Math.min(...releases.keys()));
    return found;
  };

  return {
    follow(routes, endpointOf) {
      const measured = routes.filter((route) => route.measured);
      for (const { service, allocations } of measured) {
        if (!counted.has(service)) counted.set(service, new Map());
        for (const { id, release } of allocations) {
          const endpoint = endpointOf(id);
          if (endpoint === null) continue;
          for (const name of [upstreamKey(endpoint), dialOf(endpoint)]) own(name, { service, release });
        }
      }
      const names = new Set(measured.map((route) => route.service));
      for (const service of counted.keys()) if (!names.has(service)) counted.delete(service);
      for (const name of owners.keys()) {
        if (owners.size <= MAX_UPSTREAMS) break;
        owners.delete(name);
      }
    },
    count(text) {
      const line = readTrafficLine(text);
      const owner = line && owners.get(line.upstream);
      const figures = owner && figuresOf(owner.service, owner.release);
      if (!line || !figures) return;
      figures.requests += 1;
      add(figures.classes, Math.floor(line.status / 100) - 1);
      if (line.durationMs !== null) add(figures.latency, bucketOf(line.durationMs));
    },
    figures: () => [...counted.values()].flatMap((releases) => [...releases.values()]),
  };
}

function noFigures(service: string, release: number): Figures {
  const zeros = (length: number): number[] => Array.from({ length }, () => 0);
  return { service, release, requests: 0, classes: zeros(5), latency: zeros(LATENCY_BUCKETS) };
}

function add(counts: number[], index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}
