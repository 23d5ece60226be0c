/**
 * What users do to a rollout that is under way: promote it, set its share (also by a deploy), pause it, let it go on. Pure; each returns the
 * rollout as it is to be put, and refuses with an OrcaError what can't be done now. Of two who do the same at once the
 * second is told.
 */
import { OrcaError } from '../../shared/errors.js';
import type { Canary, Rollout } from '../../shared/model.js';
import type { ServiceSpec } from '../../shared/spec.js';
import { canarySize, stepsOf } from './canary.js';
import { acted, refuseRemoved } from './requests.js';
import type { RequestContext, ServiceCurrent } from './snapshot.js';

/** `weight` null: the canary becomes stable. Else its share is that, in percent, and no step moves it any more.
 *  Refuses with NOTHING_TO_PROMOTE, BODY_INVALID or CONFLICT. */
export function beginPromote(
  current: ServiceCurrent,
  weight: number | null,
  context: RequestContext,
): Rollout {
  if (weight !== null && !(Number.isInteger(weight) && weight >= 0 && weight <= 100))
    throw new OrcaError('BODY_INVALID', `weight has to be a whole number from 0 to 100, not ${weight}`);
  const { rollout, canary } = canaryOf(current);
  if (rollout.paused)
    throw new OrcaError(
      'CONFLICT',
      `the rollout of ${current.service.name} is paused by ${rollout.paused.by}`,
      {
        hint: `Run \`orca rollout resume ${current.service.name}\` first.`,
      },
    );
  if (weight !== null) {
    // Its size goes with it: a greater share waits until the grown group is whole.
    const replicas = canarySize(current.service.spec.deploy, current.service.replicas, weight);
    const next: Canary = {
      ...canary,
      weight,
      replicas,
      isManual: true,
      inForceSinceMs: null,
      window: null,
      badInARow: 0,
    };
    return acted({ ...rollout, canary: next }, 'weight', `${weight} %`, context);
  }
  const next: Canary = { ...canary, promotedAtMs: context.nowMs };
  return acted({ ...rollout, canary: next }, 'promote', `v${rollout.release} to 100 %`, context);
}

/**
 * The open canary as a deploy of the same release with other shares (canary_weight, canary_steps) has it: at the last of
 * the new steps that is not above its share, else at the first. Null when they are what it goes by, or it can't move any more.
 */
export function sharedAnew(open: Rollout, spec: ServiceSpec, context: RequestContext): Rollout | null {
  const { canary } = open;
  const steps = stepsOf(spec.deploy);
  const isStanding = open.state === 'canary' && canary?.promotedAtMs === null;
  if (!isStanding || spec.deploy.strategy !== 'canary' || isSameSteps(steps, canary.steps)) return null;
  const step = Math.max(
    0,
    steps.findLastIndex((one) => one <= canary.weight),
  );
  const weight = steps[step] ?? canary.weight;
  const stands = weight === canary.weight ? {} : { inForceSinceMs: null, window: null, badInARow: 0 };
  const replicas = canarySize(spec.deploy, spec.replicas, weight);
  const next: Canary = { ...canary, ...stands, steps, step, weight, replicas, isManual: false };
  const list = steps.length === 1 ? '' : ` (steps ${steps.join(', ')})`;
  return acted({ ...open, canary: next }, 'weight', `${weight} %${list} by a deploy`, context);
}

function isSameSteps(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((weight, index) => weight === b[index]);
}

/** Refuses with CONFLICT when nothing is under way, or it is paused already. */
export function beginPause(current: ServiceCurrent, context: RequestContext): Rollout {
  const rollout = openOf(current);
  if (rollout.paused) throw new OrcaError('CONFLICT', `it is paused already, by ${rollout.paused.by}`);
  if (rollout.state === 'rolling_back')
    throw new OrcaError('CONFLICT', `${current.service.name} is rolling back; that can't be paused`);
  return acted({ ...rollout, paused: { by: context.by, atMs: context.nowMs } }, 'pause', '', context);
}

/** Refuses with CONFLICT when nothing is paused. Its deadlines and its window count from now. */
export function beginResume(current: ServiceCurrent, context: RequestContext): Rollout {
  const rollout = openOf(current);
  if (!rollout.paused)
    throw new OrcaError('CONFLICT', `the rollout of ${current.service.name} is not paused`);
  const canary = rollout.canary && { ...rollout.canary, inForceSinceMs: null, window: null };
  return acted({ ...rollout, canary, paused: null, progressAtMs: context.nowMs }, 'resume', '', context);
}

function canaryOf(current: ServiceCurrent): { rollout: Rollout; canary: Canary } {
  refuseRemoved(current);
  const { rollout, service } = current;
  const canary = rollout?.canary ?? null;
  if (rollout === null || canary === null || (rollout.state !== 'canary' && rollout.state !== 'promoting')) {
    const isComing = rollout !== null && rollout.spec.deploy.strategy === 'canary';
    const what = isComing ? `its canary has not begun (${rollout.state})` : 'it has no canary';
    throw new OrcaError('NOTHING_TO_PROMOTE', `${service.name} can't be promoted: ${what}`);
  }
  if (rollout.state === 'promoting' || canary.promotedAtMs !== null) {
    const by = rollout.acts.findLast((act) => act.verb === 'promote')?.by;
    const who = by === undefined ? 'after its last step' : `by ${by}`;
    throw new OrcaError(
      'CONFLICT',
      `v${rollout.release} of ${service.name} is being promoted already, ${who}`,
    );
  }
  return { rollout, canary };
}

function openOf(current: ServiceCurrent): Rollout {
  refuseRemoved(current);
  if (current.rollout) return current.rollout;
  throw new OrcaError('CONFLICT', `no rollout of ${current.service.name} is under way`);
}
