/**
 * What users ask for, each request one transaction: finds the service, lets the planner say what the request comes to,
 * and writes that. A deploy of several services is all or nothing. Refusals are OrcaErrors and have changed nothing.
 */
import { randomBytes } from 'node:crypto';
import { type DeployReply, type PlanReply, refusedPlan } from '../../shared/api.js';
import type { WantedCommit } from '../../shared/build.js';
import { OrcaError } from '../../shared/errors.js';
import { canonicalJson } from '../../shared/fingerprint.js';
import type { Rollout, Service } from '../../shared/model.js';
import { type ServiceSpec, serviceKey } from '../../shared/spec.js';
import {
  beginDeploy,
  beginRedeploy,
  beginRemove,
  beginRollback,
  beginScale,
  beginStart,
  beginStop,
  type Changed,
  runningSpec,
} from '../plan/begin.js';
import { commitThatRuns, withCommit } from '../plan/begin-build.js';
import { withKnownValues, withoutWords } from '../plan/blind.js';
import { explain } from '../plan/explain.js';
import { refuseImpossible } from '../plan/impossible.js';
import { refuseOther } from '../plan/preview-names.js';
import { withInherited } from '../plan/requests.js';
import type { Begun, RequestContext, ServiceCurrent } from '../plan/snapshot.js';
import type { Store } from '../store/store.js';
import type { Transaction } from '../store/transaction.js';
import { createRolloutCommands } from './rollout-commands.js';
import type { SecretValues } from './secret-values.js';
import type { States } from './states.js';

export interface Actor {
  by: string;
  source: Rollout['source'];
}

export type Commands = ReturnType<typeof createCommands>;

export function createCommands(
  store: Store,
  states: States,
  secrets: Pick<SecretValues, 'pin' | 'refuseForgotten'>,
  /** The spec as this cluster allows it now; throws NOT_ALLOWED. Asked of whatever makes containers by somebody's word. */
  allowed: (spec: ServiceSpec) => ServiceSpec = (spec) => spec,
) {
  const currentOf = (key: string): ServiceCurrent => {
    const current = states.current(key);
    if (!current) throw new OrcaError('SERVICE_NOT_FOUND', `there is no service ${key}`);
    return current;
  };
  const change = (
    key: string,
    kind: string,
    begin: (current: ServiceCurrent, nowMs: number) => Changed,
  ): void => {
    store.requireRoom();
    const nowMs = Date.now();
    const { service, rollout } = begin(currentOf(key), nowMs);
    store.write((tx) => {
      if (rollout) tx.putRollout(rollout);
      tx.putService(service);
      tx.addEvent(anEvent(nowMs, `service.${kind}`, service, `${key}: ${kind}`));
    });
  };
  const roll = (
    key: string,
    actor: Actor,
    begin: (current: ServiceCurrent, context: RequestContext) => Begun,
  ): string | null => {
    store.requireRoom();
    const context = contextOf(actor);
    const current = currentOf(key);
    const begun = asAllowed(current, begin(current, context));
    store.write((tx) => {
      putRelease(tx, current, begun);
      putBegun(tx, begun, context.nowMs);
    });
    return begun.rollout?.id ?? begun.following;
  };

  /** What goes back to the release that runs makes none of what is not there already, and so is not asked. */
  const asAllowed = (current: ServiceCurrent | null, begun: Begun): Begun => {
    const { rollout } = begun;
    const stays = current?.service.desired === 'running' ? current.service.planned.stable : null;
    if (!rollout || (rollout.release !== null && rollout.release === stays)) return begun;
    return { ...begun, rollout: { ...rollout, spec: allowed(rollout.spec) } };
  };
  /** More copies of what runs, and of what comes. */
  const refuseUnallowed = (current: ServiceCurrent): void => {
    const stable = current.releases.find(({ number }) => number === current.service.planned.stable);
    for (const { container } of [stable?.spec ?? current.service.spec, runningSpec(current)])
      allowed({ ...current.service.spec, container });
  };

  const renewed = (spec: ServiceSpec): ServiceSpec => secrets.pin([spec])[0] ?? spec;
  /** A release goes back with the values that it was deployed with. */
  const goBack = (current: ServiceCurrent, to: number | null, context: RequestContext): Begun => {
    const begun = asAllowed(current, beginRollback(current, to, context));
    if (begun.rollout) secrets.refuseForgotten(begun.rollout.spec);
    return begun;
  };

  return {
    ...createRolloutCommands(store, states, { contextOf, currentOf, goBack, allowed }),
    deploy(specs: ServiceSpec[], actor: Actor): DeployReply['rollouts'] {
      store.requireRoom();
      const begun = withInherited(
        secrets.pin(specs).map((spec) => asAllowed(null, begunOf(states, spec, contextOf(actor)))),
        (key) => states.get(key)?.service ?? null,
      );
      const nowMs = Date.now();
      store.write((tx) => {
        for (const one of begun) putBegun(tx, one, nowMs);
      });
      return begun.map((one) => ({
        service: one.service.name,
        id: one.rollout?.id ?? one.following,
        change: one.action,
      }));
    },
    /** `isBlind`: for who may only read. */
    plan: (specs: ServiceSpec[], isBlind = false): PlanReply['services'] =>
      specs.map((spec) => dryRun(states, spec, renewed, isBlind)),
    scale: (key: string, replicas: number): void =>
      change(key, 'scale', (current, nowMs) => {
        if (replicas > current.service.replicas) refuseUnallowed(current);
        return beginScale(current, replicas, nowMs);
      }),
    /** The id of the rollout, or null when that release is what runs. */
    rollback: (key: string, to: number | null, actor: Actor): string | null =>
      roll(key, actor, (current, context) => goBack(current, to, context)),
    /** With a tag: that of its image. */
    redeploy: (key: string, actor: Actor, tag: string | null = null): string | null =>
      roll(key, actor, (current, context) => beginRedeploy(current, context, { tag, renewed })),
    /** What runs of it, or comes, deployed once more with the values that its secrets have now; the id of the rollout. */
    renew: (key: string, actor: Actor): string | null =>
      roll(key, actor, (current, context) =>
        withCommit(beginDeploy(current, renewed(runningSpec(current)), context), commitThatRuns(current)),
      ),
    /** Built from source as of that commit; null: the head of its branch. */
    rebuild: (key: string, actor: Actor, commit: WantedCommit | null): string | null =>
      roll(key, actor, (current, context) =>
        withCommit(beginRedeploy(current, context, { renewed }), commit),
      ),
    start: (key: string): void =>
      change(key, 'start', (current, nowMs) => {
        refuseUnallowed(current);
        return beginStart(current, nowMs);
      }),
    stop: (key: string): void => change(key, 'stop', beginStop),
    remove: (key: string): void => change(key, 'remove', beginRemove),
  };
}

/** A release that comes back is held to what is allowed now: its nodes go by what stands in it. */
function putRelease(tx: Transaction, { releases }: ServiceCurrent, { rollout }: Begun): void {
  const release = releases.find(({ number }) => number === rollout?.release);
  const within = rollout?.spec.container.mountsWithin;
  if (!release || canonicalJson(release.spec.container.mountsWithin) === canonicalJson(within)) return;
  const container = { ...release.spec.container, mountsWithin: within };
  tx.putRelease({ ...release, spec: { ...release.spec, container } });
}

function putBegun(tx: Transaction, begun: Begun, nowMs: number): void {
  if (begun.superseded) tx.putRollout(begun.superseded);
  const { rollout } = begun;
  if (begun.action === 'none' && rollout === null && begun.following === null) return;
  tx.putService(begun.service);
  if (rollout) tx.putRollout(rollout);
  if (rollout === null && begun.following !== null) return;
  const [kind, what] = tellBegun(begun);
  const event = anEvent(nowMs, kind, begun.service, `${begun.service.key}: ${what}`);
  tx.addEvent({ ...event, rollout: rollout?.id ?? null });
}

function tellBegun({ rollout, following }: Begun): [kind: string, what: string] {
  if (rollout === null) return ['service.updated', 'updated in place'];
  if (following === null) return ['rollout.begun', `${rollout.kind} ${rollout.id} begun by ${rollout.by}`];
  const did = rollout.acts.at(-1);
  return [`rollout.${did?.verb ?? 'act'}`, `${did?.verb}: ${did?.detail}, by ${did?.by}`];
}

/** What a deploy comes to; one that no node could ever take is refused. */
function begunOf(states: States, spec: ServiceSpec, context: RequestContext): Begun {
  const current = states.current(serviceKey(spec.project, spec.name));
  refuseOther(current, spec);
  const begun = beginDeploy(current, spec, context);
  if (begun.rollout !== null) refuseImpossible(spec, states.nodes());
  return begun;
}

/** What a deploy would do, without doing it: a refusal is an answer too. */
function dryRun(
  states: States,
  spec: ServiceSpec,
  renewed: (spec: ServiceSpec) => ServiceSpec,
  isBlind: boolean,
): PlanReply['services'][number] {
  const current = states.current(serviceKey(spec.project, spec.name));
  const asked = isBlind ? withKnownValues(spec, current && runningSpec(current)) : spec;
  try {
    const begun = begunOf(states, renewed(asked), contextOf({ by: 'plan', source: 'api' }));
    const steps = explain(begun, current, states.nodeViews(begun.service.key));
    const nothing = { error: null, code: null, hint: null };
    const changes = isBlind ? withoutWords(begun.changes) : begun.changes;
    return { service: spec.name, action: begun.action, changes, steps, ...nothing };
  } catch (error) {
    if (!(error instanceof OrcaError)) throw error;
    return refusedPlan(spec.name, error);
  }
}

/** Ids of rollouts sort by their time: base 36 milliseconds, then four random hex digits. */
function contextOf(actor: Actor): RequestContext {
  const nowMs = Date.now();
  const id = `r-${nowMs.toString(36).padStart(9, '0')}-${randomBytes(2).toString('hex')}`;
  return { id, nowMs, by: actor.by, source: actor.source };
}

const anEvent = (
  atMs: number,
  kind: string,
  service: Service,
  message: string,
): { atMs: number; kind: string; message: string; service: string; node: null; rollout: string | null } => ({
  atMs,
  kind,
  message,
  service: service.key,
  node: null,
  rollout: null,
});
