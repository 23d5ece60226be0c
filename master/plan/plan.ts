/**
 * The one entry point of the planner: from what is wanted and observed of one service to the writes that bring it one
 * step nearer, or the reasons why nothing can be done yet. Pure: no clock, no randomness, no I/O.
 */
import { canonicalJson } from '../../shared/fingerprint.js';
import { isStarting, type Planned, type Rollout, type Settings } from '../../shared/model.js';
import { type Finished, finish } from './finish.js';
import { type Groups, groupsOf } from './groups.js';
import { moveGroups } from './move-groups.js';
import { progressOf } from './progress.js';
import { prune } from './releases.js';
import { advance } from './rollout.js';
import { seenOf } from './seen.js';
import type { Action, Plan, ServiceSnapshot } from './snapshot.js';
import type { Step } from './steps.js';

/** Plans one service. Same snapshot and time, same plan; the order of the snapshot's lists does not matter. */
export function planService(snapshot: ServiceSnapshot, nowMs: number): Plan {
  const { service } = snapshot;
  const seen = seenOf(snapshot, nowMs);
  const groups = groupsOf(seen);
  const finished = finish(snapshot, seen, nowMs);
  const step = stepOf(snapshot, groups, finished, nowMs);
  const planned: Planned = { ...service.planned, ...step?.planned };
  const releases = step?.release ? [...snapshot.releases, step.release] : snapshot.releases;
  const open = step && (step.rollout.endedAtMs === null ? step.rollout : (step.resumed ?? null));
  const starts = isStarting(service, snapshot.rollout) && step?.rollout.state === 'succeeded';
  const now = { ...service, ...step?.settings, ...(starts ? { desired: 'running' as const } : {}) };
  const after: ServiceSnapshot = { ...snapshot, service: now, releases, rollout: open };
  const settled = step?.isPromoted ? regroup(groups) : { groups, actions: [] };
  const stopping = new Set(finished.actions.flatMap((one) => (one.kind === 'set-desired' ? [one.id] : [])));
  const moved = moveGroups(after, settled.groups, { planned, stopping }, nowMs);
  const waits = [...new Set([...(step?.waits ?? []), ...finished.waits, ...moved.waits])];
  const next: Planned = { ...planned, ...moved.planned };
  const actions = [
    ...(step?.release ? [{ kind: 'put-release', release: step.release } satisfies Action] : []),
    ...finished.actions,
    ...settled.actions,
    ...moved.actions,
    ...rolloutActions(snapshot, step, waits),
    ...settingsActions(service, step),
    ...(starts ? [{ kind: 'start-service' } satisfies Action] : []),
    ...(open ? [] : prune(snapshot, planned, snapshot.rollout)),
    ...changed(service.planned, next, { kind: 'put-planned', planned: next }),
    ...deleteService(snapshot),
  ];
  const wakes = [step?.wakeAtMs ?? null, ...finished.wakes, ...moved.wakes];
  return { actions, waits, wakeAtMs: nextOf(wakes, nowMs) };
}

/** The canary group is the stable group from now on; what is left of the old one is leaving. */
function regroup(groups: Groups): { groups: Groups; actions: Action[] } {
  const staying = groups.canary.map((s) => ({
    ...s,
    allocation: { ...s.allocation, group: 'stable' as const },
  }));
  return {
    groups: { ...groups, stable: [...groups.stable, ...staying], canary: [] },
    actions: groups.canary.map(({ allocation }) => ({
      kind: 'set-group',
      id: allocation.id,
      group: 'stable',
    })),
  };
}

/** A time that has passed and changed nothing (a deadline that waits for a drain) will not change anything again. */
function nextOf(wakes: readonly (number | null)[], nowMs: number): number | null {
  const coming = wakes.filter((at) => at !== null && at > nowMs) as number[];
  return coming.length === 0 ? null : Math.min(...coming);
}

function stepOf(snapshot: ServiceSnapshot, groups: Groups, finished: Finished, nowMs: number): Step | null {
  const { rollout, service } = snapshot;
  if (rollout === null || rollout.endedAtMs !== null) return null;
  if (service.desired !== 'removed') {
    return advance(rollout, progressOf(snapshot, rollout, groups, finished), nowMs);
  }
  const reason = `the service was ${service.desired}`;
  const ended: Rollout = { ...rollout, state: 'superseded', reason, endedAtMs: nowMs };
  return { rollout: ended, release: null, planned: {}, event: reason, waits: [], wakeAtMs: null };
}

function settingsActions(service: Settings, step: Step | null): Action[] {
  if (!step?.settings) return [];
  const { settings } = step;
  const before: Settings = { spec: service.spec, replicas: service.replicas };
  return changed(before, settings, { kind: 'put-settings', settings });
}

/** A rollout that is open says what it waits for. */
function rolloutActions(snapshot: ServiceSnapshot, step: Step | null, waits: readonly string[]): Action[] {
  if (step === null || snapshot.rollout === null) return [];
  const isOpen = step.rollout.endedAtMs === null && step.event === null;
  const rollout: Rollout = isOpen ? { ...step.rollout, reason: reasonOf(step.rollout, waits) } : step.rollout;
  const put = changed(snapshot.rollout, rollout, { kind: 'put-rollout', rollout });
  if (step.event === null) return put;
  const { key } = snapshot.service;
  const event = {
    kind: 'rollout',
    service: key,
    node: null,
    rollout: rollout.id,
    message: `${key}: ${step.event}`,
  };
  const { resumed } = step;
  const after: Action[] = resumed
    ? [
        { kind: 'put-rollout', rollout: resumed },
        {
          kind: 'event',
          event: {
            ...event,
            rollout: resumed.id,
            message: `${key}: the ${resumed.kind} of v${resumed.release} goes on`,
          },
        },
      ]
    : [];
  return [...put, { kind: 'event', event }, ...after];
}

function reasonOf(rollout: Rollout, waits: readonly string[]): string {
  const doing =
    rollout.state === 'rolling_back'
      ? `${rollout.failure?.reason ?? ''}; rolling back to v${rollout.from}`
      : null;
  const parts = [...(doing === null ? [] : [doing]), ...waits];
  return parts.length === 0 ? (rollout.reason ?? rollout.state) : parts.join('; ');
}

function changed(before: unknown, after: unknown, action: Action): Action[] {
  return canonicalJson(before) === canonicalJson(after) ? [] : [action];
}

function deleteService({ service, allocations }: ServiceSnapshot): Action[] {
  return service.desired === 'removed' && allocations.length === 0 ? [{ kind: 'delete-service' }] : [];
}
