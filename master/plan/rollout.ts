/**
 * The state machine of a rollout:
 *
 *     preparing → rolling → succeeded
 *         ↘          ↓  ↘
 *          failed ← rolling_back        (superseded is written by the request that takes its place)
 *
 * One pure `advance`; it only ever moves forward, one decision a call, on observed facts. What the allocations do
 * meanwhile is not decided here: that follows from the state (`intent`).
 */
import type { Failure, Planned, Release, Rollout } from '../../shared/model.js';
import { failureOfCulprit, failureOfDeadline, failureOfImage } from './failure.js';
import type { Progress } from './progress.js';
import { newRelease } from './releases.js';

export interface Step {
  rollout: Rollout;
  /** The release that begins to exist with this step. */
  release: Release | null;
  planned: Partial<Planned>;
  /** What to write in the event log; null when the state did not change. */
  event: string | null;
  /** What it waits for, as far as `advance` knows. */
  waits: string[];
  /** When time alone moves it on. */
  wakeAtMs: number | null;
}

/** The next step of `rollout`; an ended one stays as it is. */
export function advance(rollout: Rollout, progress: Progress, nowMs: number): Step {
  switch (rollout.state) {
    case 'preparing':
      return prepare(rollout, progress, nowMs);
    case 'pre_deploy':
    case 'canary':
    case 'promoting':
    case 'rolling':
      return roll(rollout, progress, nowMs);
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
  const { node, refusal, image, missing } = progress.preparation;
  const rollout = { ...before, node: node?.id ?? before.node };
  if (image?.state === 'failed')
    return fail(rollout, failureOfImage(image.reason, rollout, nowMs), progress, nowMs);
  const imageId = image?.state === 'ready' ? image.imageId : null;
  const waits = [...(imageId === null ? [imageWait(rollout, progress)] : []), ...missing];
  if (imageId !== null && missing.length === 0) {
    const resolved = { ref: rollout.spec.container.image, id: imageId, digest: image?.digest ?? null };
    return begin(rollout, progress, newRelease(rollout, progress.nextRelease, resolved, nowMs), nowMs);
  }
  if (isOverdue(rollout, progress, nowMs)) {
    return fail(
      rollout,
      failureOfDeadline(refusal === null ? waits : [refusal], rollout, nowMs),
      progress,
      nowMs,
    );
  }
  return stay(rollout, waits, deadlineOf(rollout));
}

function imageWait({ spec }: Rollout, { preparation }: Progress): string {
  const { node, refusal, image } = preparation;
  if (node === null) return `no node can take it: ${refusal}`;
  const percent = image?.percent == null ? '' : ` ${Math.round(image.percent)} %`;
  const verb = image?.state === 'pulling' ? `pulling${percent}` : 'is being looked up';
  return `image ${spec.container.image} ${verb} on ${node.facts.name}`;
}

/** From here allocations are made. A deploy of what already runs ends at once; a stored release gets no new number. */
function begin(before: Rollout, progress: Progress, fresh: Release, nowMs: number): Step {
  const { stable } = progress;
  const isStable = before.kind === 'deploy' && stable !== null && stable.fingerprint === fresh.fingerprint;
  const known = before.kind === 'rollback' ? progress.stored : isStable ? stable : null;
  const rollout: Rollout = { ...before, from: stable?.number ?? null, progressAtMs: nowMs };
  if (known !== null && known.number === stable?.number && progress.isDone) {
    return end({ ...rollout, release: null }, `nothing to change: v${known.number} already runs`, nowMs);
  }
  const release = known ?? fresh;
  const to = `v${release.number}`;
  return {
    rollout: { ...rollout, state: 'rolling', release: release.number, reason: `rolling to ${to}` },
    release: known === null ? fresh : null,
    planned: known === null ? { nextRelease: fresh.number + 1 } : {},
    event: `rolling to ${to} (${release.spec.container.image})`,
    waits: [],
    wakeAtMs: deadlineOf(rollout),
  };
}

/* ---- rolling ---------------------------------------------------------------------------------------------------- */

function roll(before: Rollout, progress: Progress, nowMs: number): Step {
  if (progress.culprit) {
    return failRolling(before, failureOfCulprit(progress.culprit, before, nowMs), progress, nowMs);
  }
  const rollout = counted(before, progress, nowMs);
  if (progress.isDone) return succeed(rollout, progress, nowMs);
  if (isOverdue(rollout, progress, nowMs)) {
    return failRolling(rollout, failureOfDeadline(progress.blockers, rollout, nowMs), progress, nowMs);
  }
  return stay(rollout, [], deadlineOf(rollout));
}

function succeed(rollout: Rollout, progress: Progress, nowMs: number): Step {
  const step = end(
    rollout,
    `${progress.replicas} of ${progress.replicas} replicas run v${rollout.release}`,
    nowMs,
  );
  return { ...step, planned: { ...step.planned, stable: rollout.release, tolerated: null } };
}

/** Before anything was replaced: the old release was never touched. After: back, or stay half-way if that was asked. */
function failRolling(rollout: Rollout, failure: Failure, progress: Progress, nowMs: number): Step {
  if (!progress.isReplaced) return fail(rollout, failure, progress, nowMs);
  const goesBack = rollout.spec.deploy.autoRollback && rollout.kind !== 'rollback' && progress.from !== null;
  if (!goesBack) {
    const step = fail(
      rollout,
      failure,
      progress,
      nowMs,
      `its healthy allocations stay beside v${rollout.from}`,
    );
    return { ...step, planned: { ...step.planned, tolerated: rollout.release } };
  }
  const reason = `${failure.reason}; rolling back to v${rollout.from}`;
  const next: Rollout = { ...rollout, state: 'rolling_back', reason, failure, progressAtMs: nowMs };
  return {
    rollout: next,
    release: null,
    planned: { lastFailure: failure },
    event: `failed: ${reason}`,
    waits: [],
    wakeAtMs: deadlineOf(next),
  };
}

/* ---- rolling back ------------------------------------------------------------------------------------------------ */

function rollBack(before: Rollout, progress: Progress, nowMs: number): Step {
  const rollout = counted(before, progress, nowMs);
  const failure = rollout.failure ?? failureOfDeadline([], rollout, nowMs);
  if (progress.isDone) return fail(rollout, failure, progress, nowMs, `rolled back to v${rollout.from}`);
  if (isOverdue(rollout, progress, nowMs)) {
    const why = progress.blockers.length === 0 ? '' : ` (${progress.blockers.join('; ')})`;
    return fail(rollout, failure, progress, nowMs, `rolling back to v${rollout.from} goes on${why}`);
  }
  return stay(rollout, [], deadlineOf(rollout));
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

function stay(rollout: Rollout, waits: string[], wakeAtMs: number | null = null): Step {
  return { rollout, release: null, planned: {}, event: null, waits, wakeAtMs };
}

function end(rollout: Rollout, reason: string, nowMs: number): Step {
  return {
    rollout: { ...rollout, state: 'succeeded', reason, endedAtMs: nowMs },
    release: null,
    planned: { lastFailure: null },
    event: `succeeded: ${reason}`,
    waits: [],
    wakeAtMs: null,
  };
}

function fail(rollout: Rollout, failure: Failure, progress: Progress, nowMs: number, ending?: string): Step {
  const serves =
    progress.stable === null ? 'nothing of it is left running' : `v${progress.stable.number} goes on serving`;
  const reason = `${failure.reason}; ${ending ?? serves}`;
  return {
    rollout: { ...rollout, state: 'failed', reason, failure, endedAtMs: nowMs },
    release: null,
    planned: { lastFailure: failure },
    event: `failed: ${reason}`,
    waits: [],
    wakeAtMs: null,
  };
}

/* ---- the progress deadline ---------------------------------------------------------------------------------------- */

/** The deadline starts anew with each allocation that turns healthy and each old one that has left. */
function counted(rollout: Rollout, progress: Progress, nowMs: number): Rollout {
  const leftAtMs = progress.hasLeft ? nowMs : 0;
  return { ...rollout, progressAtMs: Math.max(rollout.progressAtMs, progress.healthyAtMs ?? 0, leftAtMs) };
}

function deadlineOf(rollout: Rollout): number {
  return rollout.progressAtMs + rollout.spec.deploy.progressDeadlineMs;
}

function isOverdue(rollout: Rollout, progress: Progress, nowMs: number): boolean {
  return progress.canJudge && !progress.isLetting && nowMs >= deadlineOf(rollout);
}
