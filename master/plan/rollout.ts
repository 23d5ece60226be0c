/**
 * The state machine of a rollout:
 *
 *     preparing → pre_deploy → rolling → succeeded
 *                     ↘ canary → promoting ↗
 *
 * From each of them to `failed`, from `rolling` and `promoting` by way of `rolling_back` once something was replaced;
 * `superseded` is written by the request that takes its place. One pure `advance`; it only ever moves forward, one
 * decision a call, on observed facts. What the allocations do meanwhile is not decided here: that follows from the state
 * (`intent`). What a canary does is in `canary`.
 */
import { canonicalJson } from '../../shared/fingerprint.js';
import type { Failure, Node, Release, Rollout } from '../../shared/model.js';
import { isRouted } from '../../shared/spec.js';
import { isBuilt, waitsSinceMs } from './builds.js';
import { advanceCanary, newCanary } from './canary.js';
import {
  failureOfBuild,
  failureOfCulprit,
  failureOfDeadline,
  failureOfImage,
  failureOfJob,
  failureOfShape,
} from './failure.js';
import { withJob } from './jobs.js';
import type { Progress } from './progress.js';
import { advancePromotion } from './promotion.js';
import { newRelease, withBuild } from './releases.js';
import { imageWait, isElsewhere, resolvedImage } from './resolve-image.js';
import {
  counted,
  deadlineOf,
  end,
  fail,
  goBack,
  isOverdue,
  move,
  pausedWords,
  type Step,
  stay,
  succeed,
  takeUp,
} from './steps.js';

/** The next step of `rollout`; an ended one stays as it is. */
export function advance(rollout: Rollout, progress: Progress, nowMs: number): Step {
  switch (rollout.state) {
    case 'preparing':
      return prepare(rollout, progress, nowMs);
    case 'pre_deploy':
      return preDeploy(rollout, progress, nowMs);
    case 'rolling':
      return roll(rollout, progress, nowMs);
    case 'canary':
      return advanceCanary(rollout, progress, nowMs);
    case 'promoting':
      return advancePromotion(rollout, progress, nowMs);
    case 'rolling_back':
      return rollBack(rollout, progress, nowMs);
    case 'succeeded':
    case 'failed':
    case 'superseded':
      return stay(rollout, []);
  }
}

/* ---- preparing: a node, the image, what it depends on --------------------------------------------------------- */

function prepare(before: Rollout, progress: Progress, nowMs: number): Step {
  const { stored } = progress;
  // Back to what serves: that is kept whole all the time, and needs neither its image nor what it depends on.
  const isStable = stored !== null && stored.number === progress.stable?.number;
  if (isStable && !before.paused) return begin(before, progress, stored, nowMs);
  const { node, refusal, image } = progress.preparation;
  if (isBuilt(before) && before.node !== null && node !== null && node.id !== before.node)
    return moveBuild(before, node, progress, nowMs);
  const rollout = node === null || node.id === before.node ? before : { ...before, node: node.id };
  if (image?.state === 'failed' && isElsewhere(rollout, progress)) return search(rollout, progress, nowMs);
  if (image?.state === 'failed' || rollout.cancelled) {
    const failure = isBuilt(rollout) ? failureOfBuild : failureOfImage;
    return fail(rollout, failure(image, rollout, nowMs), progress, nowMs);
  }
  const imageId = image?.state === 'ready' ? image.imageId : null;
  const missing = missingFor(rollout, progress);
  const waits = [...(imageId === null ? [imageWait(rollout, progress)] : []), ...missing];
  if (imageId !== null && missing.length === 0) {
    if (needsRoom(rollout, progress) && rollout.spec.deploy.preDeploy === null)
      return makeRoom(rollout, nowMs);
    const fresh = newRelease(rollout, progress.nextRelease, resolvedImage(rollout, progress, imageId), nowMs);
    return begin(rollout, progress, withBuild(fresh, rollout, image), nowMs);
  }
  const sinceMs = waitsSinceMs(rollout, image);
  if (sinceMs === null) return stay(rollout, waits);
  const waiting = { ...rollout, progressAtMs: sinceMs };
  if (isOverdue(waiting, progress, nowMs)) {
    return fail(
      rollout,
      failureOfDeadline(refusal === null ? waits : [refusal], rollout, nowMs),
      progress,
      nowMs,
    );
  }
  return stay(rollout, waits, deadlineOf(waiting));
}

/** Its deadline begins anew with it. */
function moveBuild(rollout: Rollout, to: Node, { preparation }: Progress, nowMs: number): Step {
  const { before } = preparation;
  const why =
    before === null
      ? 'the node where it was to be was removed'
      : `${before.facts.name}, where it was to be, is lost`;
  const reason = `its build begins anew on ${to.facts.name}: ${why}`;
  return move({ ...rollout, node: to.id, reason, progressAtMs: nowMs }, reason);
}

function search(rollout: Rollout, { preparation }: Progress, nowMs: number): Step {
  const where = preparation.node === null ? 'there' : `on ${preparation.node.facts.name}`;
  const reason = `${rollout.spec.container.image} is not ${where}: the other nodes are asked for it`;
  return move({ ...rollout, isSearching: true, reason, progressAtMs: nowMs }, reason);
}

/** What else has to hold before allocations are made. */
function missingFor(rollout: Rollout, { preparation }: Progress): string[] {
  return [...preparation.missing, ...(rollout.paused ? [pausedWords(rollout)] : [])];
}

/** From here allocations are made. A deploy of what already runs ends at once; a stored release gets no new number. */
function begin(before: Rollout, progress: Progress, fresh: Release, nowMs: number): Step {
  const { stable } = progress;
  const isStable = before.kind === 'deploy' && stable !== null && stable.fingerprint === fresh.fingerprint;
  const known = before.kind === 'rollback' ? progress.stored : isStable ? stable : null;
  const rollout: Rollout = {
    ...before,
    from: progress.isStarting ? null : (stable?.number ?? null),
    progressAtMs: nowMs,
  };
  const isSame = known !== null && known.number === rollout.from && isInForce(rollout, progress);
  if (isSame && progress.isDone) {
    const step = end(
      { ...rollout, release: null },
      `nothing to change: v${known.number} already runs`,
      nowMs,
    );
    return { ...step, settings: takeUp(rollout, progress).settings };
  }
  const release = known ?? fresh;
  const next: Rollout = { ...rollout, release: release.number };
  const isJobWanted = known === null && rollout.spec.deploy.preDeploy !== null;
  const step = isJobWanted
    ? move({ ...next, state: 'pre_deploy', reason: 'its pre_deploy job is to run' }, 'pre_deploy begins')
    : enter(next, release, progress, nowMs);
  return known === null
    ? { ...step, release: fresh, planned: { ...step.planned, nextRelease: fresh.number + 1 } }
    : step;
}

/** All but its container is as it asks for already. */
function isInForce({ spec }: Rollout, { settings }: Progress): boolean {
  const asked = { ...spec, container: null };
  return (
    canonicalJson(asked) === canonicalJson({ ...settings.spec, replicas: settings.replicas, container: null })
  );
}

/** Towards the release: as a canary beside stable, or slot by slot. What it brings is in force from here on. */
function enter(before: Rollout, release: Release, progress: Progress, nowMs: number): Step {
  const { rollout, settings } = takeUp(before, progress);
  return { ...entered(rollout, release, nowMs), settings };
}

function entered(rollout: Rollout, release: Release, nowMs: number): Step {
  const to = `v${release.number} (${release.spec.container.image})`;
  if (!isCanary(rollout) || rollout.release === rollout.from) {
    const reason = `rolling to v${release.number}`;
    return move({ ...rollout, state: 'rolling', reason, progressAtMs: nowMs }, `rolling to ${to}`);
  }
  const canary = newCanary(rollout.spec, nowMs);
  const reason = `canary v${release.number} is starting`;
  const next: Rollout = { ...rollout, state: 'canary', reason, canary, progressAtMs: nowMs };
  return move(next, `canary ${to} begins`, { canaryWeight: canary.weight });
}

/** A canary of before stands until the next one is ready to be made; then it goes first. */
function needsRoom(rollout: Rollout, { canary }: Progress): boolean {
  return isCanary(rollout) && !canary.isGone;
}

function makeRoom(rollout: Rollout, nowMs: number): Step {
  const waits = ['the canary before it goes first'];
  if (rollout.replaces === null) return stay(rollout, waits);
  return move({ ...rollout, replaces: null, progressAtMs: nowMs, reason: waits[0] ?? null }, waits[0] ?? '');
}

/** Only beside something that serves: a first release and a rollback go without, and what no traffic or one writer allows
 *  (the configuration refuses those two). */
function isCanary({ kind, from, spec }: Rollout): boolean {
  const isPossible = isRouted(spec) && spec.container.volumes.length === 0 && spec.replicas > 0;
  return spec.deploy.strategy === 'canary' && isPossible && kind !== 'rollback' && from !== null;
}

/* ---- pre_deploy ------------------------------------------------------------------------------------------------- */

/** Its job runs once; nothing else is touched before it has ended well. */
function preDeploy(before: Rollout, progress: Progress, nowMs: number): Step {
  const { job, target } = progress;
  if (before.failure !== null) return stopJob(before, before.failure, progress, nowMs);
  const isOver = job?.state === 'exited' || job?.state === 'failed';
  const rollout = isOver && before.job === undefined ? withJob(before, job, nowMs) : before;
  const timeoutMs = rollout.spec.deploy.preDeploy?.timeoutMs ?? 0;
  const deadlineMs = rollout.progressAtMs + timeoutMs;
  const observed = job?.allocation.observed ?? null;
  if (job?.state === 'exited' && observed?.exitCode === 0 && target !== null) {
    if (rollout.paused) return stay(rollout, [pausedWords(rollout)]);
    if (needsRoom(rollout, progress)) return makeRoom(rollout, nowMs);
    return enter(rollout, target, progress, nowMs);
  }
  if (isOver) return fail(rollout, failureOfJob(job, rollout, null, nowMs), progress, nowMs);
  if (progress.canJudge && nowMs >= deadlineMs) {
    const failure = failureOfJob(job, rollout, timeoutMs, nowMs);
    return stopJob({ ...rollout, failure, progressAtMs: nowMs }, failure, progress, nowMs);
  }
  const where = job === null ? 'waits to be placed' : `runs on ${job.nodeName}`;
  return stay(rollout, [`its pre_deploy job ${where}`], deadlineMs);
}

/** How long after its grace a job that was told to stop is waited for. */
const LAST_LINES_MS = 15_000;

/** It was not done in its time: its last lines are known when its container has ended. */
function stopJob(before: Rollout, failure: Failure, progress: Progress, nowMs: number): Step {
  const { job } = progress;
  const ended = withJob(before, job, nowMs);
  const late = `was not done within ${(before.spec.deploy.preDeploy?.timeoutMs ?? 0) / 1_000} s`;
  const rollout = ended.job
    ? { ...ended, job: { ...ended.job, stopped: `${late}, and was stopped` } }
    : ended;
  const observed = job?.allocation.observed ?? null;
  const untilMs = rollout.progressAtMs + progress.deploy.stopGraceMs + LAST_LINES_MS;
  const isEnded = job === null || observed === null || observed.state === 'gone';
  if (!isEnded && !(progress.canJudge && nowMs >= untilMs)) {
    return stay(before, [`its pre_deploy job ${late}; it is being stopped`], untilMs);
  }
  const lastLogs = (observed?.lastLogs ?? failure.lastLogs).slice(-20);
  return fail(rollout, { ...failure, lastLogs }, progress, nowMs);
}

/* ---- rolling ---------------------------------------------------------------------------------------------------- */

function roll(before: Rollout, progress: Progress, nowMs: number): Step {
  if (progress.culprit) {
    return failRolling(before, failureOfCulprit(progress.culprit, before, nowMs), progress, nowMs);
  }
  const rollout = counted(before, progress, nowMs);
  const { shape } = progress;
  if (progress.isDone && shape.isInForce) return succeed(rollout, progress, nowMs);
  if (shape.refusal !== null)
    return failRolling(rollout, failureOfShape(shape.refusal, nowMs), progress, nowMs);
  if (rollout.paused) return stay(rollout, [pausedWords(rollout)]);
  if (isOverdue(rollout, progress, nowMs)) {
    const blockers = [...progress.blockers, ...shapeWait(progress)];
    return failRolling(rollout, failureOfDeadline(blockers, rollout, nowMs), progress, nowMs);
  }
  return stay(rollout, shapeWait(progress), deadlineOf(rollout));
}

/** The last thing that is waited for. */
function shapeWait({ isDone, shape }: Progress): string[] {
  return isDone && !shape.isInForce ? [shape.reason] : [];
}

/** Before anything was replaced: the old release was never touched. After: back, or stay half-way if that was asked. */
function failRolling(rollout: Rollout, failure: Failure, progress: Progress, nowMs: number): Step {
  if (!progress.isReplaced) return fail(rollout, failure, progress, nowMs);
  const goesBack = rollout.spec.deploy.autoRollback && rollout.kind !== 'rollback' && progress.from !== null;
  if (goesBack) return goBack(rollout, failure, nowMs);
  const ending = `its healthy allocations stay beside v${rollout.from}`;
  const { settings: _stays, ...step } = fail(rollout, failure, progress, nowMs, ending);
  return { ...step, planned: { ...step.planned, tolerated: rollout.release } };
}

/* ---- rolling back ------------------------------------------------------------------------------------------------ */

function rollBack(before: Rollout, progress: Progress, nowMs: number): Step {
  const rollout = counted(before, progress, nowMs);
  const failure = rollout.failure ?? failureOfDeadline([], rollout, nowMs);
  if (progress.isDone && progress.shape.isInForce)
    return fail(rollout, failure, progress, nowMs, `rolled back to v${rollout.from}`);
  if (isOverdue(rollout, progress, nowMs)) {
    const blockers = [...progress.blockers, ...shapeWait(progress)];
    const why = blockers.length === 0 ? '' : ` (${blockers.join('; ')})`;
    return fail(rollout, failure, progress, nowMs, `rolling back to v${rollout.from} goes on${why}`);
  }
  return stay(rollout, shapeWait(progress), deadlineOf(rollout));
}
