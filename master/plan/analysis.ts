/**
 * Judges a canary by one window of real traffic: what both groups answered since it began, from figures that only count up.
 * Promises: nothing is judged before the window is over and the canary has had `min_requests`; what a node counted
 * before it was first heard in the window is never counted. Pure.
 */

import { percentileOf } from '../../shared/latency.js';
import type { Canary, Counted } from '../../shared/model.js';
import type { Measured, Verdict } from '../../shared/model-life.js';
import type { AnalysisSpec } from '../../shared/spec.js';

export interface JudgeInput {
  /** The window under way; null: it begins now. */
  window: Canary['window'];
  figures: readonly Counted[];
  /** The releases of the two groups. */
  stable: number | null;
  canary: number | null;
  analysis: AnalysisSpec;
  /** The length of a window. */
  stepMs: number;
  nowMs: number;
}

export type Judgement =
  | { kind: 'wait'; reason: string; wakeAtMs: number | null }
  | ({ kind: 'judged' } & Omit<Verdict, 'step' | 'weight'>);

/** One error more or less says nothing: a ratio of errors is judged from so many of the canary's on. */
export const ERRORS_FOR_RATIO = 2;
/** Differences of the 95th percentile below this are noise, whatever their ratio. */
export const NOISE_MS = 10;

/** The window as it goes on, and what it comes to. */
export function judge(input: JudgeInput): { window: NonNullable<Canary['window']>; judgement: Judgement } {
  const { analysis, figures, nowMs } = input;
  const window = withNewSources(input.window ?? { sinceMs: nowMs, base: [] }, figures);
  const endsAtMs = window.sinceMs + input.stepMs;
  const stable = measure(difference(window.base, figures, input.stable));
  const canary = measure(difference(window.base, figures, input.canary));
  const measured = { fromMs: window.sinceMs, toMs: nowMs, stable, canary };
  const few = `the canary had ${canary.requests} of ${analysis.minRequests} requests`;
  const isFew = canary.requests < analysis.minRequests;
  if (nowMs < endsAtMs) {
    const reason = isFew ? few : 'its window is not over';
    return { window, judgement: { kind: 'wait', reason, wakeAtMs: endsAtMs } };
  }
  if (isFew) {
    const reason = `${few}, so the step is prolonged`;
    return { window, judgement: { kind: 'judged', result: 'prolonged', reason, ...measured } };
  }
  const faults = faultsOf(analysis, stable, canary);
  const result = faults.length > 0 ? 'failed' : 'passed';
  const reason = faults.length > 0 ? faults.join('; ') : summary(canary);
  return { window, judgement: { kind: 'judged', result, reason, ...measured } };
}

/** A source that is new in the window (an agent that was started again) counts from where it was first heard. */
function withNewSources(window: NonNullable<Canary['window']>, figures: readonly Counted[]) {
  const isNew = (f: Counted): boolean => !window.base.some((b) => b.source === f.source);
  return { ...window, base: [...window.base, ...figures.filter(isNew)] };
}

interface Difference {
  requests: number;
  errors: number;
  latency: number[];
}

function difference(
  base: readonly Counted[],
  figures: readonly Counted[],
  release: number | null,
): Difference {
  const sum: Difference = { requests: 0, errors: 0, latency: [] };
  for (const now of figures) {
    if (now.release !== release) continue;
    const before = base.find((b) => b.source === now.source && b.release === now.release);
    sum.requests += now.requests - (before?.requests ?? 0);
    sum.errors += (now.classes[4] ?? 0) - (before?.classes[4] ?? 0);
    now.latency.forEach((count, bucket) => {
      sum.latency[bucket] = (sum.latency[bucket] ?? 0) + count - (before?.latency[bucket] ?? 0);
    });
  }
  return sum;
}

function measure({ requests, errors, latency }: Difference): Measured {
  return {
    requests,
    errorRate: requests === 0 ? null : (errors / requests) * 100,
    p95Ms: percentileOf(latency, 95),
  };
}

function faultsOf(analysis: AnalysisSpec, stable: Measured, canary: Measured): string[] {
  const rate = canary.errorRate ?? 0;
  const errors = Math.round((rate / 100) * canary.requests);
  const p95 = canary.p95Ms;
  const faults: string[] = [];
  if (analysis.maxErrorRate !== null && rate > analysis.maxErrorRate)
    faults.push(`${percent(rate)} of ${canary.requests} requests failed, at most ${analysis.maxErrorRate} %`);
  if (analysis.maxErrorRatio !== null && stable.errorRate !== null && errors >= ERRORS_FOR_RATIO) {
    if (rate > analysis.maxErrorRatio * stable.errorRate)
      faults.push(
        `${percent(rate)} failed against ${percent(stable.errorRate)} of stable's, at most ${analysis.maxErrorRatio} times as many`,
      );
  }
  if (analysis.maxP95Ms !== null && p95 !== null && p95 > analysis.maxP95Ms)
    faults.push(`p95 ${ms(p95)}, at most ${analysis.maxP95Ms} ms`);
  if (analysis.maxP95Ratio !== null && p95 !== null && stable.p95Ms !== null) {
    if (p95 > analysis.maxP95Ratio * stable.p95Ms && p95 - stable.p95Ms >= NOISE_MS)
      faults.push(
        `p95 ${ms(p95)} against ${ms(stable.p95Ms)} of stable's, at most ${analysis.maxP95Ratio} times as long`,
      );
  }
  return faults;
}

function summary({ requests, errorRate, p95Ms }: Measured): string {
  const latency = p95Ms === null ? '' : `, p95 ${ms(p95Ms)}`;
  return `${requests} requests, ${percent(errorRate ?? 0)} failed${latency}`;
}

const percent = (value: number): string => `${value.toFixed(value > 0 && value < 10 ? 1 : 0)} %`;
const ms = (value: number): string => `${Math.round(value)} ms`;
