/** What is said of a rollout that fails: what happened, where, and what to do next. */
import type { Failure, Rollout } from '../../shared/model.js';
import type { Seen } from './seen.js';

/** An allocation that exited or can't be made. */
export function failureOfCulprit(culprit: Seen, rollout: Rollout, nowMs: number): Failure {
  const { id, observed } = culprit.allocation;
  const reason = observed?.reason ?? plainReason(culprit);
  return {
    reason,
    message: `${id} on ${culprit.nodeName}: ${reason}. ${adviceOn(culprit, rollout)}`,
    exitCode: observed?.exitCode ?? null,
    restartCount: observed?.restarts ?? 0,
    lastLogs: (observed?.lastLogs ?? []).slice(-20),
    observedAtMs: observed?.sinceMs ?? nowMs,
  };
}

/** Nothing turned healthy for as long as the progress deadline. */
export function failureOfDeadline(blockers: readonly string[], rollout: Rollout, nowMs: number): Failure {
  const within = `${rollout.spec.deploy.progressDeadlineMs / 1_000} s`;
  const reason = `no progress within ${within}${blockers.length === 0 ? '' : `: ${blockers.join('; ')}`}`;
  const advice = 'Mend what it waits for, or raise deploy.progress_deadline_secs, and deploy again.';
  return plainFailure(reason, `${reason}. ${advice}`, nowMs);
}

/** The image could not be resolved. */
export function failureOfImage(why: string | null, rollout: Rollout, nowMs: number): Failure {
  const reason = `image ${rollout.spec.container.image}: ${why ?? 'it could not be resolved'}`;
  return plainFailure(reason, `${reason}. Mend the image's name or its registry, and deploy again.`, nowMs);
}

export function plainFailure(reason: string, message: string, nowMs: number): Failure {
  return { reason, message, exitCode: null, restartCount: 0, lastLogs: [], observedAtMs: nowMs };
}

function plainReason(culprit: Seen): string {
  const code = culprit.allocation.observed?.exitCode ?? null;
  if (culprit.state === 'exited') return code === null ? 'exited' : `exited with ${code}`;
  return 'its container could not be made';
}

function adviceOn(culprit: Seen, { spec }: Rollout): string {
  return culprit.state === 'exited'
    ? `Read its last lines (\`orca logs ${spec.name}\`), mend the image or its settings, and deploy again.`
    : 'Mend that, and deploy again.';
}
