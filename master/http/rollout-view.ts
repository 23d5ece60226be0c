/** A rollout as the API shows it. PURE: from the store's records of it and of its service. */

import type { RolloutSummary } from '../../shared/api.js';
import type { ActView, CanaryView, MeasuredView, VerdictView } from '../../shared/api-canary.js';
import { isoOf } from '../../shared/iso.js';
import type { Canary, Failure, Rollout, Service } from '../../shared/model.js';
import type { Act, Measured, Verdict } from '../../shared/model-life.js';

/** `service` is null for one that is gone. */
export function rolloutSummary(rollout: Rollout, service: Service | null): RolloutSummary {
  const { paused } = rollout;
  return {
    id: rollout.id,
    service: rollout.service.slice(rollout.service.indexOf('/') + 1),
    kind: rollout.kind,
    state: rollout.state,
    reason: rollout.reason,
    release: versionOf(rollout.release),
    from: versionOf(rollout.from),
    takes_back: versionOf(rollout.takesBack),
    by: rollout.by,
    source: rollout.source,
    started_at: iso(rollout.startedAtMs),
    ended_at: rollout.endedAtMs === null ? null : iso(rollout.endedAtMs),
    failure: failureView(rollout.failure),
    paused: paused && { by: paused.by, at: iso(paused.atMs) },
    canary: canaryView(rollout, service),
    acts: rollout.acts.map(actView),
    job: jobView(rollout),
  };
}

/** One whose place another is to take is not over while that one prepares: it stands, and goes on should the other fail. */
export function asItStands(rollout: Rollout, open: Rollout | null | undefined): Rollout {
  const standing = open?.replaces;
  if (standing?.id !== rollout.id) return rollout;
  const reason = `stands while a ${open?.kind} by ${open?.by} prepares`;
  return { ...standing, acts: rollout.acts, reason };
}

/** True while a canary gets the share it was meant to get, and only a user moves it on: what a deploy waits for. */
export function waitsForPromote({ state, canary }: Rollout, service: Service): boolean {
  if (state !== 'canary' || canary === null || canary.promotedAtMs !== null) return false;
  const isLast = canary.step >= canary.steps.length - 1;
  const stands = canary.isManual || (isLast && !service.spec.deploy.autoPromote);
  return stands && isInForce(canary, service);
}

/** A share that a user has just asked for is not given yet, whatever was in force before. */
const isInForce = ({ weight, inForceSinceMs }: Canary, { planned }: Service): boolean =>
  inForceSinceMs !== null && planned.canaryWeight === weight;

function canaryView(rollout: Rollout, service: Service | null): CanaryView | null {
  const { canary } = rollout;
  if (canary === null) return null;
  return {
    steps: canary.steps,
    step: canary.step,
    weight: canary.weight,
    weight_in_force: rollout.state === 'succeeded' || (service !== null && isInForce(canary, service)),
    promoted: canary.promotedAtMs !== null,
    replicas: canary.replicas,
    waits_for_promote: service !== null && waitsForPromote(rollout, service),
    verdicts: canary.verdicts.map(verdictView),
  };
}

function verdictView(verdict: Verdict): VerdictView {
  const { step, weight, result, reason } = verdict;
  return {
    step,
    weight,
    from: iso(verdict.fromMs),
    to: iso(verdict.toMs),
    result,
    reason,
    stable: measuredView(verdict.stable),
    canary: measuredView(verdict.canary),
  };
}

const measuredView = ({ requests, errorRate, p95Ms }: Measured): MeasuredView => ({
  requests,
  error_rate: errorRate,
  p95_ms: p95Ms,
});

/** Without its lines, which are logs. */
function jobView({ job }: Rollout): RolloutSummary['job'] {
  if (!job) return null;
  return {
    release: `v${job.release}`,
    exit_code: job.exitCode,
    stopped: job.stopped ?? null,
    ended_at: iso(job.endedAtMs),
  };
}

const actView = ({ verb, detail, by, source, atMs }: Act): ActView => ({
  verb,
  detail,
  by,
  source,
  at: iso(atMs),
});

export function failureView(failure: Failure | null): RolloutSummary['failure'] {
  if (!failure) return null;
  return {
    reason: failure.reason,
    message: failure.message,
    exit_code: failure.exitCode,
    restart_count: failure.restartCount,
    last_logs: failure.lastLogs,
    observed_at: iso(failure.observedAtMs),
  };
}

export const versionOf = (number: number | null): string | null => (number === null ? null : `v${number}`);
export const iso = isoOf;
