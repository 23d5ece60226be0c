/** What a request (deploy, redeploy, rollback, scale, stop, start, rm) comes to. PURE; refusals are OrcaErrors. */
import { OrcaError } from '../../shared/errors.js';
import type { Rollout, Service } from '../../shared/model.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { Begun, RequestContext, ServiceCurrent } from './snapshot.js';

/** A deploy of `spec`; `current` is null for a service that isn't there (or is being removed and has nothing left). */
export function beginDeploy(
  _current: ServiceCurrent | null,
  _spec: ServiceSpec,
  _context: RequestContext,
): Begun {
  throw new OrcaError('INTERNAL', 'not written yet');
}

/** Pulls again and rolls, whatever the image turns out to be. Refuses with CONFLICT when the service is being removed. */
export function beginRedeploy(_current: ServiceCurrent, _context: RequestContext): Begun {
  throw new OrcaError('INTERNAL', 'not written yet');
}

/** Back to release `to`, or to the one before. Refuses with RELEASE_NOT_FOUND or NOTHING_TO_ROLL_BACK. */
export function beginRollback(_current: ServiceCurrent, _to: number | null, _context: RequestContext): Begun {
  throw new OrcaError('INTERNAL', 'not written yet');
}

/** What scale, stop, start and rm write: the service, and the rollout they end. */
export interface Changed {
  service: Service;
  superseded: Rollout | null;
}

export function beginScale(current: ServiceCurrent, replicas: number, nowMs: number): Changed {
  return { service: { ...current.service, replicas, updatedAtMs: nowMs }, superseded: null };
}

export function beginStop(current: ServiceCurrent, nowMs: number): Changed {
  return { service: { ...current.service, desired: 'stopped', updatedAtMs: nowMs }, superseded: null };
}

export function beginStart(current: ServiceCurrent, nowMs: number): Changed {
  return { service: { ...current.service, desired: 'running', updatedAtMs: nowMs }, superseded: null };
}

export function beginRemove(current: ServiceCurrent, nowMs: number): Changed {
  return { service: { ...current.service, desired: 'removed', updatedAtMs: nowMs }, superseded: null };
}
