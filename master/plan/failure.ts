/** What is said of a rollout that fails: what happened, where, and what to do next. */
import { buildIdOf } from '../../shared/build.js';
import type { Canary, Failure, Rollout } from '../../shared/model.js';
import type { ImageObserved } from '../../shared/protocol.js';
import type { Seen } from './seen.js';

/** An allocation that exited or can't be made. */
export function failureOfCulprit(culprit: Seen, rollout: Rollout, nowMs: number): Failure {
  const { id, observed, lastExit } = culprit.allocation;
  const isUpAgain = observed?.exitCode == null && lastExit !== undefined;
  const { exitCode, lastLogs } = isUpAgain
    ? lastExit
    : { exitCode: observed?.exitCode ?? null, lastLogs: observed?.lastLogs ?? [] };
  const reason = reasonOf(culprit);
  return {
    reason,
    message: `${id} on ${culprit.nodeName}: ${reason}. ${adviceOn(culprit, rollout)}`,
    exitCode,
    restartCount: observed?.restarts ?? 0,
    lastLogs: lastLogs.slice(-20),
    observedAtMs: observed?.sinceMs ?? nowMs,
  };
}

/** Nothing turned healthy for as long as the progress deadline. What no allocation waits for (there is none: no node takes it) it has said last. */
export function failureOfDeadline(blockers: readonly string[], rollout: Rollout, nowMs: number): Failure {
  const within = `${rollout.spec.deploy.progressDeadlineMs / 1_000} s`;
  const why = blockers.length === 0 ? rollout.reason : blockers.join('; ');
  const reason = `no progress within ${within}${why === null ? '' : `: ${why}`}`;
  const advice = 'Mend what it waits for, or raise deploy.progress_deadline_secs, and deploy again.';
  return plainFailure(reason, `${reason}. ${advice}`, nowMs);
}

/** Caddy has read what it is to serve and would not have it. */
export function failureOfShape(refusal: string, nowMs: number): Failure {
  const advice = 'Mend what it says of it, and deploy again.';
  return plainFailure(refusal, `${refusal}. ${advice}`, nowMs);
}

/** The image could not be resolved. */
export function failureOfImage(image: ImageObserved | null, rollout: Rollout, nowMs: number): Failure {
  const why = image?.reason ?? null;
  const { kind, release, spec } = rollout;
  const isBack = kind === 'rollback';
  const reason = `image ${spec.container.image}${isBack ? ` of v${release}` : ''}: ${why ?? 'it could not be resolved'}`;
  const advice = isBack
    ? `Nothing was changed; \`orca history ${spec.name}\` lists the releases that are kept.`
    : "Mend the image's name or its registry, and deploy again.";
  return plainFailure(reason, `${reason}. ${advice}`, nowMs);
}

/** It could not be built, or was given up. */
export function failureOfBuild(image: ImageObserved | null, rollout: Rollout, nowMs: number): Failure {
  const id = buildIdOf(rollout.id);
  const { by } = rollout.cancelled ?? {};
  const reason =
    by === undefined
      ? `the build ${id} failed: ${image?.reason ?? 'it could not be made'}`
      : `the build ${id} was cancelled by ${by}`;
  const advice =
    by === undefined
      ? `Nothing was changed; \`orca builds logs ${id}\` shows all of it.`
      : 'Nothing was changed.';
  const lastLogs = (image?.build?.lastLogs ?? []).slice(-20);
  return { ...plainFailure(reason, `${reason}. ${advice}`, nowMs), lastLogs };
}

/** The pre_deploy job did not end well; null: it was not even placed. `timeoutMs`: it had so long, and was not done. */
export function failureOfJob(
  job: Seen | null,
  { spec }: Rollout,
  timeoutMs: number | null,
  nowMs: number,
): Failure {
  const observed = job?.allocation.observed ?? null;
  const why =
    timeoutMs === null
      ? (observed?.reason ?? 'it did not end well')
      : `it was not done within ${timeoutMs / 1_000} s (deploy.pre_deploy_timeout_secs)`;
  const reason = `the pre_deploy job failed: ${why}`;
  const where = job === null ? '' : ` on ${job.nodeName}`;
  return {
    reason,
    message: `${reason}${where}. Nothing was changed; mend the job and deploy again. \`orca logs ${spec.name} --group job\` shows its last lines, and all of them while it runs.`,
    exitCode: observed?.exitCode ?? null,
    restartCount: 0,
    lastLogs: (observed?.lastLogs ?? []).slice(-20),
    observedAtMs: observed?.sinceMs ?? nowMs,
  };
}

/** The canary's figures were over its limits too often in a row. */
export function failureOfAnalysis(canary: Canary, { release }: Rollout, nowMs: number): Failure {
  const last = canary.verdicts.at(-1);
  const times = canary.badInARow === 1 ? '1 window' : `${canary.badInARow} windows in a row`;
  const reason = `canary v${release} at ${canary.weight} % was over its limits for ${times}: ${last?.reason ?? ''}`;
  return plainFailure(reason, `${reason}. It was taken back; see \`orca history\` for its figures.`, nowMs);
}

export function plainFailure(reason: string, message: string, nowMs: number): Failure {
  return { reason, message, exitCode: null, restartCount: 0, lastLogs: [], observedAtMs: nowMs };
}

/** One that is up again is judged by how often it was not. */
function reasonOf(culprit: Seen): string {
  const { observed } = culprit.allocation;
  const reason = observed?.reason ?? plainReason(culprit);
  const isDown = culprit.state === 'exited' || culprit.state === 'failed';
  if (isDown) return reason;
  const code = culprit.allocation.lastExit?.exitCode ?? null;
  const how = code === null ? reason : `the last time with ${code}`;
  return `it exited ${observed?.restarts ?? 0} times (${how})`;
}

function plainReason(culprit: Seen): string {
  const code = culprit.allocation.observed?.exitCode ?? null;
  if (culprit.state === 'exited') return code === null ? 'exited' : `exited with ${code}`;
  return 'its container could not be made';
}

function adviceOn(culprit: Seen, { spec }: Rollout): string {
  const hasEnded = culprit.state === 'exited' || culprit.allocation.lastExit !== undefined;
  return hasEnded
    ? `Read its last lines (\`orca status ${spec.name}\` keeps them), mend the image or its settings, and deploy again.`
    : 'Mend that, and deploy again.';
}
