/**
 * Counts what went through, by service and release, upwards from its start: what was once said never gets less. Knows
 * whose an upstream is from the routes, also for a while after it has left them: a request that was in flight is counted
 * when it ends. What belongs to nobody (the sorry server, an upstream that was never in the routes) is not counted. A first
 * try that broke is an error of the release that broke it, beside what the client got from another one in the end.
 */

import type { Figures } from '../shared/figures.js';
import { bucketOf, LATENCY_BUCKETS } from '../shared/latency.js';
import type { Endpoint } from '../shared/protocol.js';
import type { Route } from './route.js';
import { type Answer, readTrafficLine } from './traffic-line.js';
import { dialOf, upstreamKey } from './upstreams.js';

/** Upstreams remembered after they have left the routes. */
const MAX_UPSTREAMS = 4_000;
/** What a try that broke counts as: what its client would have got without another one. */
const BROKEN = 502;
/** Releases kept of a service, beside those in the routes: which one is old does not show in its number (a rollback). */
const MAX_RELEASES = 5;

export interface TrafficCounter {
  /** The routes as they are, and where their allocations are reached. */
  follow(routes: readonly Route[], endpointOf: (allocation: string) => Endpoint | null): void;
  /** One line of the log. */
  count(text: string): void;
  /** Of the services that are measured now; null when none ever was. */
  figures(): Figures[] | null;
}

export function createTrafficCounter(): TrafficCounter {
  const owners = new Map<string, { service: string; release: number }>();
  /** Also of services that are not measured now: if they are again, their counts go on. */
  const counted = new Map<string, Map<number, Figures>>();
  /** Releases in the routes, by service that is measured. */
  let current: ReadonlyMap<string, ReadonlySet<number>> = new Map();

  const own = (name: string, owner: { service: string; release: number }): void => {
    owners.delete(name);
    owners.set(name, owner);
  };
  const figuresOf = (service: string, release: number): Figures => {
    const releases = counted.get(service) ?? new Map<number, Figures>();
    const found = releases.get(release) ?? noFigures(service, release);
    counted.set(service, releases.set(release, found));
    const others = [...releases.keys()].filter((one) => !current.get(service)?.has(one));
    for (const old of others.slice(0, -MAX_RELEASES)) releases.delete(old);
    return found;
  };

  const countOne = ({ upstream, status, durationMs }: Answer): void => {
    const owner = owners.get(upstream);
    if (!owner) return;
    const figures = figuresOf(owner.service, owner.release);
    figures.requests += 1;
    add(figures.classes, Math.floor(status / 100) - 1);
    if (durationMs !== null) add(figures.latency, bucketOf(durationMs));
  };

  return {
    follow(routes, endpointOf) {
      const measured = routes.filter((route) => route.measured);
      current = new Map(measured.map((r) => [r.service, new Set(r.allocations.map((a) => a.release))]));
      for (const { service } of measured) if (!counted.has(service)) counted.set(service, new Map());
      for (const { service, id, release } of routedLast(measured)) {
        const endpoint = endpointOf(id);
        if (endpoint === null) continue;
        for (const name of [upstreamKey(endpoint), dialOf(endpoint)]) own(name, { service, release });
      }
      for (const name of owners.keys()) {
        if (owners.size <= MAX_UPSTREAMS) break;
        owners.delete(name);
      }
    },
    count(text) {
      const line = readTrafficLine(text);
      if (line?.answer) countOne(line.answer);
      if (line?.failed) countOne({ upstream: line.failed, status: BROKEN, durationMs: null });
    },
    figures() {
      if (counted.size === 0) return null;
      const shown = [...counted].filter(([service]) => current.has(service));
      return shown.flatMap(([, releases]) => [...releases.values()]);
    },
  };
}

/** A port that one which drains has left may be another's by now: the routed one is the owner. */
function routedLast(routes: readonly Route[]): { service: string; id: string; release: number }[] {
  const all = routes.flatMap(({ service, allocations }) => allocations.map((a) => ({ ...a, service })));
  return [
    ...all.filter(({ desired }) => desired === 'draining'),
    ...all.filter(({ desired }) => desired === 'routed'),
  ];
}

function noFigures(service: string, release: number): Figures {
  const zeros = (length: number): number[] => Array.from({ length }, () => 0);
  return { service, release, requests: 0, classes: zeros(5), latency: zeros(LATENCY_BUCKETS) };
}

function add(counts: number[], index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}
