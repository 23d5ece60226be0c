/** PURE: a canary in words: where it stands, what a window of its analysis came to, and figures of traffic. */

import type { RolloutFrame, ServiceStatus } from '../shared/api.js';
import type { CanaryView, MeasuredView, TrafficFigures, VerdictView } from '../shared/api-canary.js';
import type { Colors } from './output.js';

/** `25 % (step 2 of 3)`; a weight that `group` does not have is on its way. */
export function weightText(
  { steps, step, weight, weight_in_force }: CanaryView,
  group: GroupView | null,
): string {
  const isThere = group === null ? weight_in_force : group.weight === weight;
  const where = steps.length > 1 ? ` (step ${step + 1} of ${steps.length})` : '';
  return `${isThere ? '' : 'to '}${weight} %${where}`;
}

/** `passed at 25 %: all limits kept; canary 60 requests, …; stable 200 requests, …`. */
export function verdictText({ weight, result, reason, stable, canary }: VerdictView, colors: Colors): string {
  const color = { passed: colors.green, prolonged: colors.yellow, failed: colors.red }[result];
  const word = color(result);
  return `${word} at ${weight} %: ${reason}; canary ${measuredText(canary)}; stable ${measuredText(stable)}`;
}

type GroupView = NonNullable<ServiceStatus['groups']['canary']>;

/** `20 %`; while another share is in force than is wanted, `5 % (to 20 %: why)`. */
export function shareText({ weight, wanted_weight, weight_reason }: GroupView, isWhyShown = true): string {
  if (weight === wanted_weight) return `${weight} %`;
  const why = weight_reason === null || !isWhyShown ? '' : `: ${weight_reason}`;
  return `${weight} % (to ${wanted_weight} %${why})`;
}

/** The share that a canary has, and what to do now. */
export function standsText(name: string, { rollout, service }: RolloutFrame): string {
  const release = rollout.release ?? 'the new release';
  const group = service?.groups.canary ?? null;
  const share = group === null ? `${rollout.canary?.weight ?? 0} %` : shareText(group);
  return `canary ${release} of ${name} gets ${share}; \`orca promote ${name}\` or \`orca rollback ${name}\``;
}

/** `1200 requests, 0.1 % errors, p50 3 ms, p95 12 ms, p99 40 ms`. */
export function trafficText({ requests, error_rate, p50_ms, p95_ms, p99_ms }: TrafficFigures): string {
  const latencies = [latency('p50', p50_ms), latency('p95', p95_ms), latency('p99', p99_ms)];
  return [count(requests), errors(error_rate), ...latencies].filter((part) => part !== '').join(', ');
}

function measuredText({ requests, error_rate, p95_ms }: MeasuredView): string {
  return [count(requests), errors(error_rate), latency('p95', p95_ms)]
    .filter((part) => part !== '')
    .join(', ');
}

const count = (requests: number): string => `${requests} request${requests === 1 ? '' : 's'}`;
const errors = (percent: number | null): string => (percent === null ? '' : `${rounded(percent)} % errors`);
const latency = (name: string, ms: number | null): string => (ms === null ? '' : `${name} ${rounded(ms)} ms`);

/** Three digits say all that was measured. */
const rounded = (value: number): string => String(Number(value.toPrecision(3)));
