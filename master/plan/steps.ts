/** What a decision about a rollout can come to: it stays, ends or fails; and the progress deadline that all states share. */
import {
  actingOf,
  type Failure,
  isPreparing,
  type Planned,
  type Release,
  type Rollout,
  type Settings,
} from '../../shared/model.js';
import type { Progress } from './progress.js';

export interface Step {
  rollout: Rollout;
  /** The release that begins to exist with this step. */
  release: Release | null;
  planned: Partial<Planned>;
  /** What is in force from now on; absent: as it was. */
  settings?: Settings;
  /** The rollout that goes on because this one has failed before it touched anything. */
  resumed?: Rollout;
  /** What to write in the event log; null when the state did not change. */
  event: string | null;
  /** What it waits for, as far as `advance` knows. */
  waits: string[];
  /** When time alone moves it on. */
  wakeAtMs: number | null;
  /** The canary group is the stable group from now on. */
  isPromoted?: boolean;
}

export function stay(rollout: Rollout, waits: string[], wakeAtMs: number | null = null): Step {
  return { rollout, release: null, planned: {}, event: null, waits, wakeAtMs };
}

/** It goes on in another way than before. */
export function move(rollout: Rollout, event: string, planned: Partial<Planned> = {}): Step {
  return { rollout, release: null, planned, event, waits: [], wakeAtMs: deadlineOf(rollout) };
}

export function end(rollout: Rollout, reason: string, nowMs: number): Step {
  return {
    rollout: { ...rollout, state: 'succeeded', reason, endedAtMs: nowMs, replaces: null, undo: null },
    release: null,
    planned: { lastFailure: null },
    event: `succeeded: ${reason}`,
    waits: [],
    wakeAtMs: null,
  };
}

/** What it brings is in force from now on, and what it was to take the place of is over. */
export function takeUp(
  rollout: Rollout,
  { settings, stable }: Progress,
): { rollout: Rollout; settings: Settings } {
  const undo = rollout.undo ?? (stable === null ? null : settings);
  const { spec } = rollout;
  return { rollout: { ...rollout, replaces: null, undo }, settings: { spec, replicas: spec.replicas } };
}

/** It brought its release: that is stable from now on. */
export function succeed(rollout: Rollout, { replicas, stable }: Progress, nowMs: number): Step {
  const step = end(rollout, `${replicas} of ${replicas} replicas run v${rollout.release}`, nowMs);
  const isNew = stable !== null && stable.number !== rollout.release;
  const previous = isNew ? { previous: rollout.kind === 'rollback' ? null : stable.number } : {};
  return { ...step, planned: { ...step.planned, stable: rollout.release, tolerated: null, ...previous } };
}

export function fail(
  rollout: Rollout,
  failure: Failure,
  progress: Progress,
  nowMs: number,
  ending?: string,
): Step {
  const reason = `${failure.reason}; ${ending ?? whatServes(rollout, progress)}`;
  const ended = { state: 'failed' as const, reason, failure, endedAtMs: nowMs, replaces: null, undo: null };
  return {
    rollout: { ...rollout, ...ended },
    release: null,
    planned: { lastFailure: failure },
    ...asBefore(rollout, nowMs),
    event: `failed: ${reason}`,
    waits: [],
    wakeAtMs: null,
  };
}

/** What a failure brings back: the rollout that stood meanwhile, else what was in force before. */
function asBefore(rollout: Rollout, nowMs: number): Pick<Step, 'settings' | 'resumed'> {
  const { replaces, undo } = rollout;
  if (isPreparing(rollout) && replaces !== null) return { resumed: resume(replaces, nowMs) };
  return undo === null ? {} : { settings: undo };
}

/** Its deadlines and its window count from now. */
function resume(rollout: Rollout, nowMs: number): Rollout {
  const canary = rollout.canary && { ...rollout.canary, inForceSinceMs: null, window: null };
  return { ...rollout, canary, progressAtMs: nowMs };
}

function whatServes(rollout: Rollout, { isStarting, stable }: Progress): string {
  const acting = actingOf(rollout);
  if (acting !== null && acting !== rollout) return `the ${acting.kind} of v${acting.release} goes on`;
  if (isStarting) return 'the service stays stopped';
  return stable === null ? 'nothing of it is left running' : `v${stable.number} goes on serving`;
}

/** Something was replaced already: the same path back to the old release. */
export function goBack(rollout: Rollout, failure: Failure, nowMs: number): Step {
  const reason = `${failure.reason}; rolling back to v${rollout.from}`;
  const { undo } = rollout;
  const state = 'rolling_back' as const;
  const next: Rollout = { ...rollout, state, reason, failure, progressAtMs: nowMs, undo: null };
  const step = move(next, `failed: ${reason}`, { lastFailure: failure });
  return undo === null ? step : { ...step, settings: undo };
}

/** The deadline starts anew with each allocation that turns healthy and each old one that has left. */
export function counted(rollout: Rollout, progress: Progress, nowMs: number): Rollout {
  const leftAtMs = progress.hasLeft ? nowMs : 0;
  return { ...rollout, progressAtMs: Math.max(rollout.progressAtMs, progress.healthyAtMs ?? 0, leftAtMs) };
}

export function deadlineOf(rollout: Rollout): number {
  const fromMs = Math.max(rollout.progressAtMs, rollout.canary?.brokenSinceMs ?? 0);
  return fromMs + rollout.spec.deploy.progressDeadlineMs;
}

export function isOverdue(rollout: Rollout, progress: Progress, nowMs: number): boolean {
  return progress.canJudge && !progress.isLetting && nowMs >= deadlineOf(rollout);
}

export function pausedWords({ paused }: Rollout): string {
  return `paused by ${paused?.by ?? 'somebody'}; \`orca rollout resume\` lets it go on`;
}
