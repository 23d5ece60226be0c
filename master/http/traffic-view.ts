/** What the ingresses counted of a service, added up over them. PURE. */
import type { TrafficFigures } from '../../shared/api-canary.js';
import { percentileOf } from '../../shared/latency.js';
import type { Counted } from '../../shared/model.js';

/** Figures of one release, of all ingresses together. */
export interface ReleaseTraffic {
  release: number;
  requests: number;
  /** 1xx to 5xx. */
  classes: number[];
  /** By bucket of `shared/latency`. */
  latency: number[];
}

/** One entry a release, by number. */
export function byRelease(counted: readonly Counted[]): ReleaseTraffic[] {
  const releases = new Map<number, ReleaseTraffic>();
  for (const { release, requests, classes, latency } of counted) {
    const sum = releases.get(release);
    releases.set(release, {
      release,
      requests: requests + (sum?.requests ?? 0),
      classes: added(classes, sum?.classes ?? []),
      latency: added(latency, sum?.latency ?? []),
    });
  }
  return [...releases.values()].sort((a, b) => a.release - b.release);
}

/** As the status shows them; percentiles are right within 5 %, because latencies are counted in buckets. */
export function trafficFigures({ requests, classes, latency }: ReleaseTraffic): TrafficFigures {
  const [one = 0, two = 0, three = 0, four = 0, five = 0] = classes;
  return {
    requests,
    error_rate: requests === 0 ? null : rounded((five * 100) / requests),
    p50_ms: percentile(latency, 50),
    p95_ms: percentile(latency, 95),
    p99_ms: percentile(latency, 99),
    status: { '1xx': one, '2xx': two, '3xx': three, '4xx': four, '5xx': five },
  };
}

function added(a: readonly number[], b: readonly number[]): number[] {
  return Array.from(
    { length: Math.max(a.length, b.length) },
    (_, index) => (a[index] ?? 0) + (b[index] ?? 0),
  );
}

function percentile(latency: readonly number[], percent: number): number | null {
  const ms = percentileOf(latency, percent);
  return ms === null ? null : rounded(ms);
}

/** Two digits behind the point are more than a bucket knows. */
const rounded = (value: number): number => Math.round(value * 100) / 100;
