/**
 * What the ingresses counted, for Prometheus: requests by class of status, and how long they took. PURE. Counters begin
 * anew when an agent was started again, as Prometheus expects of counters.
 */
import { LATENCY_BUCKETS, middleOf, upperBoundOf } from '../../shared/latency.js';
import { type Labels, metric, type Sample } from './metrics-text.js';
import type { ReleaseTraffic } from './traffic-view.js';

/** The figures of one release, and which group of its service it is: `retired` when it is none any more. */
export interface ServiceTraffic extends ReleaseTraffic {
  project: string;
  service: string;
  group: 'stable' | 'canary' | 'retired';
}

/** Every sixth bucket has a line: each bound is 1.8 times the one before, from 0.5 ms to 46 s. */
const EVERY = 6;

export function trafficLines(traffic: readonly ServiceTraffic[]): string[] {
  return [
    ...metric(
      'orca_requests_total',
      'counter',
      'Requests that a release answered, as the ingresses counted them.',
      traffic.flatMap((one) =>
        one.classes.map((count, index): Sample => [{ ...labels(one), class: `${index + 1}xx` }, count]),
      ),
    ),
    ...metric(
      'orca_request_duration_seconds',
      'histogram',
      'How long they took; what is open by design (WebSockets, event streams) is not timed.',
      traffic.flatMap(histogram),
    ),
  ];
}

function histogram(traffic: ServiceTraffic): Sample[] {
  const of = labels(traffic);
  const { latency } = traffic;
  const samples: Sample[] = [];
  let total = 0;
  let sumMs = 0;
  for (const [index, count] of latency.slice(0, LATENCY_BUCKETS).entries()) {
    total += count;
    sumMs += count * middleOf(index);
    if (index % EVERY === 0 && index < LATENCY_BUCKETS - 1)
      samples.push([{ ...of, le: String(seconds(upperBoundOf(index))) }, total, '_bucket']);
  }
  return [
    ...samples,
    [{ ...of, le: '+Inf' }, total, '_bucket'],
    [of, seconds(sumMs), '_sum'],
    [of, total, '_count'],
  ];
}

const labels = ({ project, service, release, group }: ServiceTraffic): Labels => ({
  project,
  service,
  release: `v${release}`,
  group,
});

/** Four digits: a bound must be the same text at each scrape, whatever floating point makes of it. */
const seconds = (ms: number): number => Number((ms / 1_000).toPrecision(4));
