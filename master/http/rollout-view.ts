/** A rollout as the API shows it. PURE: from the store's record. */

import type { RolloutSummary } from '../../shared/api.js';
import type { ActView, CanaryView, MeasuredView, VerdictView } from '../../shared/api-canary.js';
import type { Act, Failure, Measured, Rollout, Verdict } from '../../shared/model.js';

export function rolloutSummary(rollout: Rollout): RolloutSummary {
  const { paused } = rollout;
  return {
    id: rollout.id,
    service: rollout.service.slice(rollout.service.indexOf('/') + 1),
    kind: rollout.kind,
    state: rollout.state,
    reason: rollout.reason,
    release: versionOf(rollout.release),
    from: versionOf(rollout.from),
    by: rollout.by,
    source: rollout.source,
    started_at: iso(rollout.startedAtMs),
    ended_at: rollout.endedAtMs === null ? null : iso(rollout.endedAtMs),
    failure: failureView(rollout.failure),
    paused: paused && { by: paused.by, at: iso(paused.atMs) },
    canary: canaryView(rollout),
    acts: rollout.acts.map(actView),
  };
}

/** True while a canary gets the share it was meant to get, and only a user moves it on: what a deploy waits for. */
export function waitsForPromote({ state, canary, spec }: Rollout): boolean {
  if (state !== 'canary' || canary === null) return false;
  if (canary.inForceSinceMs === null || canary.promotedAtMs !== null) return false;
  const isLast = canary.step >= canary.steps.length - 1;
  return canary.isManual || (isLast && !spec.deploy.autoPromote);
}

function canaryView(rollout: Rollout): CanaryView | null {
  const { canary } = rollout;
  if (canary === null) return null;
  return {
    steps: canary.steps,
    step: canary.step,
    weight: canary.weight,
    weight_in_force: canary.inForceSinceMs !== null,
    promoted: canary.promotedAtMs !== null,
    replicas: canary.replicas,
    waits_for_promote: waitsForPromote(rollout),
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
export const iso = (atMs: number): string => new Date(atMs).toISOString();
