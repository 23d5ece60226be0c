/** What all requests share: a rollout at its start, the end of the one it takes the place of, and the refusal of what is going away. Pure. */
import { OrcaError } from '../../shared/errors.js';
import { type Rollout, type Service, type Settings, standingOf } from '../../shared/model.js';
import type { Act } from '../../shared/model-life.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { Begun, RequestContext, ServiceCurrent } from './snapshot.js';

/** A rollout at its start; `open` is the one whose place it takes, which stands until this one is prepared. */
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
    replaces: standingOf(open),
    undo: open?.undo ?? null,
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
    // What a preview is built from is decided by its pull request, whoever asks.
    ...(kind !== 'rollback' && spec.preview && spec.build ? { commit: spec.preview.commit } : {}),
  };
}

/** The release that a rollout has as a canary now; null: none. */
export function canaryOf(open: Rollout | null): number | null {
  const acting = standingOf(open);
  return acting?.state === 'canary' || acting?.state === 'promoting' ? acting.release : null;
}

/** What was in force before the open rollout, if there is one that has changed it. */
export function settingsBefore(service: Service, open: Rollout | null): Settings {
  return open?.undo ?? { spec: service.spec, replicas: service.replicas };
}

/** The open rollout as it ends because something newer takes its place; null when there is none. */
export function supersede(open: Rollout | null, by: string, nowMs: number): Rollout | null {
  const ended = { state: 'superseded' as const, reason: `superseded: ${by}`, endedAtMs: nowMs };
  return open && { ...open, ...ended, replaces: null };
}

/** With so many copies, whether it succeeds or not. */
export function scaled(rollout: Rollout, replicas: number): Rollout {
  return {
    ...rollout,
    spec: { ...rollout.spec, replicas },
    undo: rollout.undo && { ...rollout.undo, replicas },
    replaces: rollout.replaces && scaled(rollout.replaces, replicas),
  };
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

/** The rollouts of one deploy, each with the domains that another service of it has now and gives up for it. */
export function withInherited(begun: readonly Begun[], current: (key: string) => Service | null): Begun[] {
  const given = new Map<string, string>();
  for (const { service, rollout } of begun) {
    const before = rollout === null ? [] : (current(service.key)?.spec.domains ?? []);
    for (const domain of before) if (!rollout?.spec.domains.includes(domain)) given.set(domain, service.key);
  }
  return begun.map((one) => {
    const { rollout } = one;
    const inherits = rollout?.spec.domains.filter((d) => given.has(d) && given.get(d) !== rollout.service);
    return rollout && inherits?.length ? { ...one, rollout: { ...rollout, inherits } } : one;
  });
}

/** Without a stable copy a canary would get everything, whatever its share. One that is promoted becomes stable, with none as well. */
export function refuseLoneCanary({ service: { name }, rollout }: ServiceCurrent, replicas: number): void {
  const acting = standingOf(rollout);
  if (replicas > 0 || acting?.state !== 'canary' || acting.canary?.promotedAtMs != null) return;
  const hint = `\`orca rollback ${name}\` or \`orca promote ${name}\` first; \`orca stop ${name}\` stops all of it`;
  throw new OrcaError(
    'CONFLICT',
    `${name} has the canary v${acting.release}, which would be all that is left of it`,
    { hint },
  );
}
