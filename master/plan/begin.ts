/**
 * What a request (deploy, redeploy, rollback, scale, stop, start, rm) comes to: a new service, a rollout, a change in
 * place, or nothing. Pure; refusals are OrcaErrors.
 *
 * Only the container part makes a release. A deploy whose container part is what already runs still gets a rollout: the
 * image behind a tag may have moved, which only a node can tell, and what changed in place (replicas) is waited for. It
 * ends as "nothing to change" when there was nothing. Whatever a deploy changes stands in its rollout, and comes into force
 * with it; only what nothing serves yet is changed at once.
 *
 * A stopped service stays so until a rollout has succeeded: one that fails has started nothing.
 */
import { OrcaError } from '../../shared/errors.js';
import { canonicalJson } from '../../shared/fingerprint.js';
import { isPreparing, type Release, type Rollout, type Service, standingOf } from '../../shared/model.js';
import { type ServiceSpec, serviceKey } from '../../shared/spec.js';
import { sharedAnew } from './acts.js';
import { changesOf } from './changes.js';
import { withTag } from './image-tag.js';
import { isSameContainer } from './releases.js';
import {
  acted,
  canaryOf,
  newRollout,
  refuseLoneCanary,
  refuseRemoved,
  scaled,
  settingsBefore,
  supersede,
} from './requests.js';
import { isRunning, previousOf, releaseOf } from './rollback-target.js';
import type { Begun, RequestContext, ServiceCurrent } from './snapshot.js';

/** A deploy of `spec`; `current` is null for a service that isn't there. Refuses with CONFLICT while it is being removed. */
export function beginDeploy(
  current: ServiceCurrent | null,
  spec: ServiceSpec,
  context: RequestContext,
): Begun {
  if (current === null) return create(spec, context);
  refuseRemoved(current);
  const changes = [...startLine(current), ...changesOf(runningSpec(current), spec)];
  const open = current.rollout;
  if (open !== null && brings(open, spec)) return follow(current, open, spec, changes, context);
  const needsRollout =
    isNewContainer(current, spec) || changes.length > 0 || !isPinned(spec) || open !== null;
  if (!needsRollout) return nothing(current.service);
  const isRoll = isNewContainer(current, spec);
  const service = asked(current, spec, context.nowMs);
  return {
    action: isRoll ? 'roll' : changes.length > 0 ? 'update' : 'none',
    changes,
    service,
    rollout: newRollout('deploy', service, spec, context, open),
    superseded: supersede(open, `a newer deploy by ${context.by}`, context.nowMs),
    following: null,
  };
}

/** Pulls again and rolls, whatever the image turns out to be, with the newest values of secrets (`renewed`); with a tag, the image of
 *  that. Refuses with CONFLICT when the service is being removed, or its image has no tag. */
export function beginRedeploy(
  current: ServiceCurrent,
  context: RequestContext,
  {
    tag = null,
    renewed = (spec) => spec,
  }: { tag?: string | null; renewed?: (spec: ServiceSpec) => ServiceSpec } = {},
): Begun {
  refuseRemoved(current);
  const before = runningSpec(current);
  const spec = renewed(
    tag === null
      ? before
      : { ...before, container: { ...before.container, image: withTag(before.container.image, tag) } },
  );
  const service: Service = { ...current.service, updatedAtMs: context.nowMs };
  const changes = changesOf(before, spec);
  return {
    action: 'roll',
    changes: tag === null ? [anewLine(spec), ...changes] : changes,
    service,
    rollout: newRollout('redeploy', service, spec, context, current.rollout),
    superseded: supersede(current.rollout, `a redeploy by ${context.by}`, context.nowMs),
    following: null,
  };
}

/** Back to release `to`; null: to what served before the open rollout, or else to the last release before the one that
 *  serves which ever succeeded. Refuses with RELEASE_NOT_FOUND, NOTHING_TO_ROLL_BACK or CONFLICT. */
export function beginRollback(current: ServiceCurrent, to: number | null, context: RequestContext): Begun {
  refuseRemoved(current);
  const release = to === null ? previousOf(current) : releaseOf(current, to);
  const open = current.rollout;
  if (open?.kind === 'rollback' && open.release === release.number) {
    return { ...nothing(current.service), following: open.id };
  }
  if (isRunning(current, release)) return nothing(current.service);
  const { spec: before, replicas } = settingsBefore(current.service, open);
  const spec: ServiceSpec = { ...before, replicas, container: release.spec.container };
  const service: Service = { ...current.service, updatedAtMs: context.nowMs };
  const rollout = newRollout('rollback', service, spec, context, open);
  return {
    action: 'roll',
    changes: [releaseLine(current, release)],
    service,
    rollout: { ...rollout, release: release.number },
    superseded: takenBack(open, release, context),
    following: null,
  };
}

/** What scale, stop, start and rm write: the service, and the rollout they end or change (null: none). */
export interface Changed {
  service: Service;
  rollout: Rollout | null;
}

/** Only the number of copies; a rollout that is under way goes on with it. Refuses with BODY_INVALID, CONFLICT. */
export function beginScale(current: ServiceCurrent, replicas: number, nowMs: number): Changed {
  refuseRemoved(current);
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw new OrcaError('BODY_INVALID', `replicas has to be 0 or more, not ${replicas}`);
  }
  refuseLoneCanary(current, replicas);
  const rollout = current.rollout && scaled(current.rollout, replicas);
  return { service: { ...current.service, replicas, updatedAtMs: nowMs }, rollout };
}

/** Retires everything and keeps the configuration; a rollout that is under way ends. */
export function beginStop(current: ServiceCurrent, nowMs: number): Changed {
  refuseRemoved(current);
  return halt(current, 'stopped', nowMs);
}

/** Runs the stable release again. Refuses with CONFLICT when it is being removed. */
export function beginStart(current: ServiceCurrent, nowMs: number): Changed {
  refuseRemoved(current);
  return { service: { ...current.service, desired: 'running', updatedAtMs: nowMs }, rollout: null };
}

/** Retires everything, then the planner forgets the service. Asking twice is fine. */
export function beginRemove(current: ServiceCurrent, nowMs: number): Changed {
  return halt(current, 'removed', nowMs);
}

function create(spec: ServiceSpec, context: RequestContext): Begun {
  const { nowMs } = context;
  const service: Service = {
    key: serviceKey(spec.project, spec.name),
    project: spec.project,
    name: spec.name,
    spec,
    replicas: spec.replicas,
    desired: 'running',
    maintenance: null,
    planned: {
      stable: null,
      tolerated: null,
      canaryWeight: 0,
      nextRelease: 1,
      nextAllocation: 1,
      lastFailure: null,
      waits: [],
    },
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  const rollout = newRollout('deploy', service, spec, context, null);
  return {
    action: 'create',
    changes: changesOf(null, spec),
    service,
    rollout,
    superseded: null,
    following: null,
  };
}

/** What is being rolled out, else what runs, with what was changed in place since. */
export function runningSpec(current: ServiceCurrent): ServiceSpec {
  const { service, rollout } = current;
  if (rollout !== null && rollout.state !== 'rolling_back') return rollout.spec;
  const container = stableOf(current)?.spec.container ?? service.spec.container;
  return { ...service.spec, container, replicas: service.replicas };
}

function isNewContainer(current: ServiceCurrent, spec: ServiceSpec): boolean {
  const stable = stableOf(current);
  if (stable === null || current.service.planned.tolerated !== null) return true;
  return !isSameContainer(stable.spec.container, spec.container);
}

/** The same deploy once more, while it is under way. */
function brings(open: Rollout, spec: ServiceSpec): boolean {
  // What was pushed since is in no build that has begun.
  if (open.kind !== 'deploy' || open.state === 'rolling_back' || spec.build !== null) return false;
  return isSameContainer(open.spec.container, spec.container);
}

/** The open rollout brings this container already: it takes up what else has changed, and goes on. Other shares of a
 *  canary are its own (`sharedAnew`). */
function follow(
  current: ServiceCurrent,
  open: Rollout,
  spec: ServiceSpec,
  changes: string[],
  context: RequestContext,
): Begun {
  const isSame = canonicalJson(open.spec) === canonicalJson(spec) && changes.length === 0;
  if (isSame) return { ...nothing(current.service), following: open.id };
  refuseLoneCanary(current, spec.replicas);
  const moved = sharedAnew(open, spec, context) ?? acted(open, 'update', changes.join('; '), context);
  const service = isPreparing(open)
    ? asked(current, spec, context.nowMs)
    : updated(current.service, spec, context.nowMs);
  return {
    action: 'update',
    changes,
    service,
    rollout: { ...moved, spec },
    superseded: null,
    following: open.id,
  };
}

/** The service while what was asked of it is prepared: as it is, unless nothing of it has served or comes up. */
function asked({ service, rollout }: ServiceCurrent, spec: ServiceSpec, nowMs: number): Service {
  const isFree = service.planned.stable === null && standingOf(rollout) === null;
  return isFree ? updated(service, spec, nowMs) : { ...service, updatedAtMs: nowMs };
}

const anewLine = ({ build, container }: ServiceSpec): string =>
  build === null ? `image: ${container.image} is pulled again` : `build: ${build.repo} is looked at again`;

function nothing(service: Service): Begun {
  return { action: 'none', changes: [], service, rollout: null, superseded: null, following: null };
}

function halt(current: ServiceCurrent, desired: 'stopped' | 'removed', nowMs: number): Changed {
  const before = settingsBefore(current.service, current.rollout);
  return {
    service: { ...current.service, ...before, desired, updatedAtMs: nowMs },
    rollout: supersede(current.rollout, `the service was ${desired}`, nowMs),
  };
}

/** What runs and goes for a rollback to `release`: stable, a canary, and what else is being rolled out. */
function releaseLine({ service, rollout }: ServiceCurrent, release: Release): string {
  const { stable } = service.planned;
  const canary = canaryOf(rollout);
  const coming = canary === null ? (standingOf(rollout)?.release ?? null) : null;
  const going = [
    ...(stable === null || stable === release.number ? [] : [`v${stable}`]),
    ...(canary === null ? [] : [`v${canary} (canary)`]),
    ...(coming === null || [stable, release.number].includes(coming) ? [] : [`v${coming}`]),
  ];
  const to = `v${release.number} (${release.image.ref})`;
  if (going.length > 0) return `release: ${going.join(' + ')} → ${to}`;
  return stable === null ? `release: none → ${to}` : `release: ${to} stays`;
}

/** What is rolled back says so in its own history. */
function takenBack(open: Rollout | null, { number }: Release, context: RequestContext): Rollout | null {
  const ended = supersede(open, `a rollback by ${context.by}`, context.nowMs);
  return ended && acted(ended, 'rollback', `to v${number}`, context);
}

function updated(service: Service, spec: ServiceSpec, nowMs: number): Service {
  return { ...service, spec, replicas: spec.replicas, updatedAtMs: nowMs };
}

function startLine({ service }: ServiceCurrent): string[] {
  return service.desired === 'stopped' ? ['desired: stopped → running'] : [];
}

function stableOf({ service, releases }: ServiceCurrent): Release | null {
  return releases.find((release) => release.number === service.planned.stable) ?? null;
}

/** A reference by digest can't move. */
function isPinned({ container }: ServiceSpec): boolean {
  return container.image.includes('@sha256:');
}
