/**
 * A canary: a group of the new release beside stable, with a share of the traffic that moves by steps, judged by what
 * both groups really answered. Promises: stable is not touched here; a share moves only when the whole group serves and
 * every ingress has the last one in force; without evidence it waits and says so; a bad canary is taken back.
 */
import type { Canary, Rollout } from '../../shared/model.js';
import type { Verdict } from '../../shared/model-life.js';
import type { DeploySpec, ServiceSpec } from '../../shared/spec.js';
import { type Judgement, judge } from './analysis.js';
import { failureOfAnalysis, failureOfCulprit, failureOfDeadline, failureOfShape } from './failure.js';
import type { Progress } from './progress.js';
import { counted, deadlineOf, fail, isOverdue, move, pausedWords, type Step, stay } from './steps.js';

const KEPT_VERDICTS = 20;

/** A canary at its first step. */
export function newCanary(
  { deploy, replicas }: Pick<ServiceSpec, 'deploy' | 'replicas'>,
  nowMs: number,
): Canary {
  const steps = stepsOf(deploy);
  const weight = steps[0] ?? 0;
  return {
    replicas: canarySize(deploy, replicas, weight),
    steps,
    step: 0,
    weight,
    isManual: false,
    brokenSinceMs: nowMs,
    inForceSinceMs: null,
    window: null,
    badInARow: 0,
    verdicts: [],
    promotedAtMs: null,
    stableGoes: false,
  };
}

export function stepsOf({ canarySteps, canaryWeight }: DeploySpec): number[] {
  return canarySteps.length === 0 ? [canaryWeight] : canarySteps;
}

/** Allocations of the group: as many as were asked for, else in proportion to its share, at least one. */
export function canarySize({ canaryReplicas }: DeploySpec, replicas: number, weight: number): number {
  return canaryReplicas ?? Math.max(1, Math.ceil((replicas * weight) / 100));
}

/** The next step of a rollout in the state `canary`. */
export function advanceCanary(before: Rollout, progress: Progress, nowMs: number): Step {
  const { canary, rollout } = seenNow(before, progress, nowMs);
  if (progress.culprit)
    return fail(rollout, failureOfCulprit(progress.culprit, rollout, nowMs), progress, nowMs);
  const { refusal } = progress.shape;
  if (refusal !== null) return fail(rollout, failureOfShape(refusal, nowMs), progress, nowMs);
  if (rollout.paused) return stay(rollout, [pausedWords(rollout)]);
  if (canary.promotedAtMs !== null) return promote(rollout, canary, progress, nowMs);
  // Less is given at once; more only to a whole group.
  const isMoving = progress.weight !== canary.weight;
  if (isMoving && (progress.canary.isWhole || canary.weight < progress.weight)) {
    const moved: Canary = { ...canary, inForceSinceMs: null, window: null };
    const event = `canary v${rollout.release} gets ${canary.weight} %`;
    return move({ ...rollout, canary: moved }, event, { canaryWeight: canary.weight });
  }
  if (!progress.canary.isWhole) {
    if (isOverdue(rollout, progress, nowMs))
      return fail(rollout, failureOfDeadline(progress.canary.blockers, rollout, nowMs), progress, nowMs);
    return stay(saidInForce(rollout, canary, progress, nowMs), [], deadlineOf(rollout));
  }
  if (!progress.canary.isInForce)
    return stay(rollout, [`its ${canary.weight} % are not in force yet: ${progress.canary.forceReason}`]);
  return judged(rollout, { ...canary, inForceSinceMs: canary.inForceSinceMs ?? nowMs }, progress, nowMs);
}

/** A share set by hand is in force whether the group is whole or not; a step's time counts only for a whole one. */
function saidInForce(
  rollout: Rollout,
  canary: Canary,
  { weight, canary: seen }: Progress,
  nowMs: number,
): Rollout {
  const isThere = canary.isManual && weight === canary.weight && seen.isInForce;
  if (!isThere) return rollout;
  return { ...rollout, canary: { ...canary, inForceSinceMs: canary.inForceSinceMs ?? nowMs } };
}

/** What follows from the settings and observations of now: its size, and since when it is not whole. */
function seenNow(before: Rollout, progress: Progress, nowMs: number): { canary: Canary; rollout: Rollout } {
  const held = before.canary ?? newCanary(progress, nowMs);
  const canary: Canary = {
    ...held,
    replicas: canarySize(progress.deploy, progress.replicas, held.weight),
    brokenSinceMs: progress.canary.isWhole ? null : (held.brokenSinceMs ?? nowMs),
  };
  return { canary, rollout: counted({ ...before, canary }, progress, nowMs) };
}

function promote(rollout: Rollout, canary: Canary, { replicas }: Progress, nowMs: number): Step {
  const next: Canary = { ...canary, replicas, brokenSinceMs: null, window: null };
  const reason = `promoting v${rollout.release}`;
  return move({ ...rollout, state: 'promoting', canary: next, reason, progressAtMs: nowMs }, reason);
}

/** Its share is in force: time and figures decide. */
function judged(rollout: Rollout, canary: Canary, progress: Progress, nowMs: number): Step {
  const { analysis, stepMs } = progress.deploy;
  const sinceMs = canary.inForceSinceMs ?? nowMs;
  const stands = standsWords(rollout, canary, progress);
  if (analysis === null) {
    if (stands !== null) return stay({ ...rollout, canary }, [stands]);
    if (nowMs >= sinceMs + stepMs) return passed(rollout, canary, progress, nowMs);
    return stay({ ...rollout, canary }, [stepWords(canary)], sinceMs + stepMs);
  }
  const { window, judgement } = judge({
    window: canary.window,
    figures: progress.figures,
    stable: rollout.from,
    canary: rollout.release,
    analysis,
    stepMs,
    nowMs,
  });
  const watched: Canary = { ...canary, window };
  if (judgement.kind === 'wait') {
    const waits = [...(stands === null ? [stepWords(canary)] : [stands]), judgement.reason];
    return stay({ ...rollout, canary: watched }, waits, judgement.wakeAtMs);
  }
  return verdictOf(rollout, watched, judgement, progress, nowMs);
}

function verdictOf(
  rollout: Rollout,
  canary: Canary,
  judgement: Extract<Judgement, { kind: 'judged' }>,
  progress: Progress,
  nowMs: number,
): Step {
  const { kind, ...measured } = judgement;
  const verdict: Verdict = { step: canary.step, weight: canary.weight, ...measured };
  if (verdict.result === 'prolonged') return prolonged(rollout, canary, verdict, progress);
  const verdicts = [...canary.verdicts, verdict].slice(-KEPT_VERDICTS);
  const limit = progress.deploy.analysis?.failureThreshold ?? 1;
  const badInARow = verdict.result === 'failed' ? canary.badInARow + 1 : 0;
  const next: Canary = { ...canary, verdicts, badInARow, window: null };
  if (badInARow >= limit)
    return fail({ ...rollout, canary: next }, failureOfAnalysis(next, rollout, nowMs), progress, nowMs);
  if (verdict.result === 'failed') {
    const event = `canary at ${canary.weight} %: window ${badInARow} of ${limit} failed: ${verdict.reason}`;
    return move({ ...rollout, canary: next }, event);
  }
  return passed(rollout, next, progress, nowMs);
}

/** Its window goes on until there is evidence; what it had by its end is kept once. */
function prolonged(rollout: Rollout, canary: Canary, verdict: Verdict, progress: Progress): Step {
  const stands = standsWords(rollout, canary, progress);
  const waits = [stands ?? stepWords(canary), verdict.reason];
  const last = canary.verdicts.at(-1);
  if (last?.result === 'prolonged' && last.fromMs === verdict.fromMs)
    return stay({ ...rollout, canary }, waits);
  const verdicts = [...canary.verdicts, verdict].slice(-KEPT_VERDICTS);
  const event = `canary at ${canary.weight} %: ${verdict.reason}`;
  return { ...stay({ ...rollout, canary: { ...canary, verdicts } }, waits), event };
}

/** The step is over: the next share, promotion, or nothing more to do by itself. */
function passed(rollout: Rollout, canary: Canary, progress: Progress, nowMs: number): Step {
  if (standsWords(rollout, canary, progress) !== null) return stay({ ...rollout, canary }, []);
  const step = canary.step + 1;
  const weight = canary.steps[step];
  if (weight === undefined) {
    return promote({ ...rollout }, { ...canary, promotedAtMs: nowMs }, progress, nowMs);
  }
  const next: Canary = {
    ...canary,
    step,
    weight,
    replicas: canarySize(progress.deploy, progress.replicas, weight),
    inForceSinceMs: null,
    window: null,
  };
  return move({ ...rollout, canary: next, progressAtMs: nowMs }, `goes on to ${weight} %`);
}

/** Why no step follows by itself; null when one does. */
function standsWords({ release, spec }: Rollout, canary: Canary, { deploy }: Progress): string | null {
  const isLast = canary.step >= canary.steps.length - 1;
  if (!canary.isManual && !(isLast && !deploy.autoPromote)) return null;
  const how = canary.isManual ? ' by hand' : '';
  return `canary v${release} gets ${canary.weight} %${how}: \`orca promote ${spec.name}\` or \`orca rollback ${spec.name}\``;
}

function stepWords({ step, steps, weight }: Canary): string {
  return `canary at ${weight} %, step ${step + 1} of ${steps.length}`;
}
