/**
 * A canary becomes stable: it grows to the full number, takes all of the traffic, and only then the stable group drains and
 * goes. Until stable was told to go a failure leaves it as it was; from then on it is rolled back to.
 */
import type { Canary, Failure, Rollout } from '../../shared/model.js';
import { failureOfCulprit, failureOfDeadline } from './failure.js';
import type { Progress } from './progress.js';
import {
  counted,
  deadlineOf,
  fail,
  goBack,
  isOverdue,
  move,
  pausedWords,
  type Step,
  stay,
  succeed,
} from './steps.js';

/** The next step of a rollout in the state `promoting`. */
export function advancePromotion(before: Rollout, progress: Progress, nowMs: number): Step {
  const rollout = counted(grown(before, progress), progress, nowMs);
  const { canary } = rollout;
  if (canary === null) return stay(rollout, []);
  if (progress.culprit)
    return failed(rollout, failureOfCulprit(progress.culprit, rollout, nowMs), progress, nowMs);
  if (rollout.paused) return stay(rollout, [pausedWords(rollout)]);
  if (canary.stableGoes && progress.canary.isWhole && progress.isStableGone)
    return promoted(rollout, progress, nowMs);
  const isAll = progress.canary.isWhole && progress.weight === 100 && progress.canary.isInForce;
  if (isAll && !canary.stableGoes) {
    const next: Canary = { ...canary, stableGoes: true };
    return move({ ...rollout, canary: next, progressAtMs: nowMs }, `v${rollout.from} drains`);
  }
  if (progress.canary.isWhole && progress.weight !== 100) {
    const next: Canary = { ...canary, weight: 100, inForceSinceMs: null };
    return move({ ...rollout, canary: next }, `v${rollout.release} gets 100 %`, { canaryWeight: 100 });
  }
  if (isOverdue(rollout, progress, nowMs))
    return failed(rollout, failureOfDeadline(blockersOf(rollout, progress), rollout, nowMs), progress, nowMs);
  return stay(rollout, waitsOf(rollout, progress), deadlineOf(rollout));
}

function grown(rollout: Rollout, { replicas }: Progress): Rollout {
  return rollout.canary === null ? rollout : { ...rollout, canary: { ...rollout.canary, replicas } };
}

function failed(rollout: Rollout, failure: Failure, progress: Progress, nowMs: number): Step {
  return rollout.canary?.stableGoes
    ? goBack(rollout, failure, nowMs)
    : fail(rollout, failure, progress, nowMs);
}

/** The share is 0 again: what has all of the traffic is no canary any more. */
function promoted(rollout: Rollout, progress: Progress, nowMs: number): Step {
  const step = succeed(rollout, progress, nowMs);
  return { ...step, planned: { ...step.planned, canaryWeight: 0 }, isPromoted: true };
}

function waitsOf({ canary, from }: Rollout, progress: Progress): string[] {
  if (!progress.canary.isWhole) return [];
  if (canary?.stableGoes) return [`v${from} finishes its requests and stops`];
  return [`its 100 % are not in force yet: ${progress.canary.forceReason}`];
}

function blockersOf(rollout: Rollout, progress: Progress): string[] {
  return progress.canary.isWhole ? waitsOf(rollout, progress) : progress.canary.blockers;
}
