/** What all requests share: a rollout at its start, the end of the one it takes the place of, and the refusal of what is going away. Pure. */
import { OrcaError } from '../../shared/errors.js';
import type { Act, Rollout, Service } from '../../shared/model.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { RequestContext, ServiceCurrent } from './snapshot.js';

/** A rollout at its start; `open` is the one whose place it takes. */
export function newRollout(
  kind: Rollout['kind'],
  service: Service,
  spec: ServiceSpec,
  { id, nowMs, by, source }: RequestContext,
  open: Rollout | null,
): Rollout {
  return {
    id,
    service: service.key,
    kind,
    state: 'preparing',
    reason: 'waits for its turn',
    spec,
    release: null,
    from: service.planned.stable,
    takesBack: canaryOf(open),
    node: null,
    by,
    source,
    startedAtMs: nowMs,
    progressAtMs: nowMs,
    endedAtMs: null,
    failure: null,
    paused: null,
    canary: null,
    acts: [],
  };
}

/** The release that a rollout has as a canary now; null: none. */
export function canaryOf(open: Rollout | null): number | null {
  return open?.state === 'canary' || open?.state === 'promoting' ? open.release : null;
}

/** The open rollout as it ends because something newer takes its place; null when there is none. */
export function supersede(open: Rollout | null, by: string, nowMs: number): Rollout | null {
  return open && { ...open, state: 'superseded', reason: `superseded: ${by}`, endedAtMs: nowMs };
}

const KEPT_ACTS = 50;

/** The rollout with what a user did to it. */
export function acted(
  rollout: Rollout,
  verb: Act['verb'],
  detail: string,
  { by, source, nowMs }: RequestContext,
): Rollout {
  const act: Act = { verb, detail, by, source, atMs: nowMs };
  return { ...rollout, acts: [...rollout.acts, act].slice(-KEPT_ACTS) };
}

/** Nothing can be asked of a service that is going away. */
export function refuseRemoved({ service }: ServiceCurrent): void {
  if (service.desired !== 'removed') return;
  throw new OrcaError('CONFLICT', `${service.name} is being removed; try again when it is gone`);
}
