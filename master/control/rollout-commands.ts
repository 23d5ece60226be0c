/** What users do to a rollout that is under way, and to the traffic of a service: each one transaction, told as an event. */
import type { PlanReply } from '../../shared/api.js';
import { refusedPlan } from '../../shared/api.js';
import { rolloutOfBuild } from '../../shared/build.js';
import { OrcaError } from '../../shared/errors.js';
import { type Rollout, type Service, standingOf } from '../../shared/model.js';
import type { ServiceSpec } from '../../shared/spec.js';
import { beginPause, beginPromote, beginResume } from '../plan/acts.js';
import { cancelBuild } from '../plan/begin-build.js';
import { explain, explainPromotion } from '../plan/explain.js';
import { refuseRemoved } from '../plan/requests.js';
import { shapeInForce } from '../plan/shape.js';
import type { Begun, RequestContext, ServiceCurrent } from '../plan/snapshot.js';
import { isLiveNode } from '../plan/traffic.js';
import type { Store } from '../store/store.js';
import type { States } from './states.js';

interface Actor {
  by: string;
  source: Rollout['source'];
}

type Plan = PlanReply['services'][number];

export function createRolloutCommands(
  store: Store,
  states: States,
  {
    contextOf,
    currentOf,
    goBack,
    allowed,
  }: {
    contextOf: (actor: Actor) => RequestContext;
    currentOf: (key: string) => ServiceCurrent;
    goBack: (current: ServiceCurrent, to: number | null, context: RequestContext) => Begun;
    allowed: (spec: ServiceSpec) => ServiceSpec;
  },
) {
  const act = (
    key: string,
    actor: Actor,
    begin: (current: ServiceCurrent, context: RequestContext) => Rollout,
  ): string => {
    store.requireRoom();
    const context = contextOf(actor);
    const rollout = begin(currentOf(key), context);
    const did = rollout.acts.at(-1);
    store.write((tx) => {
      tx.putRollout(rollout);
      const what = `${did?.verb ?? ''}${did?.detail ? `: ${did.detail}` : ''}`;
      tx.addEvent({
        atMs: context.nowMs,
        kind: `rollout.${did?.verb ?? 'act'}`,
        service: key,
        node: null,
        rollout: rollout.id,
        message: `${key}: ${what} by ${actor.by}`,
      });
    });
    return rollout.id;
  };
  const asPlan = (key: string, plan: () => Omit<Plan, 'service' | 'error' | 'code' | 'hint'>): Plan => {
    const name = currentOf(key).service.name;
    try {
      return { service: name, ...plan(), error: null, code: null, hint: null };
    } catch (error) {
      if (!(error instanceof OrcaError)) throw error;
      return refusedPlan(name, error);
    }
  };
  /** Of a canary that becomes more; one that becomes less may do so. */
  const promotion = (current: ServiceCurrent, weight: number | null, context: RequestContext): Rollout => {
    const rollout = beginPromote(current, weight, context);
    const before = standingOf(current.rollout)?.canary?.weight ?? 0;
    if (weight === null || weight > before) allowed(rollout.spec);
    return rollout;
  };
  const nobody = { by: 'plan', source: 'api' as const };

  return {
    promote: (key: string, weight: number | null, actor: Actor): string =>
      act(key, actor, (current, context) => promotion(current, weight, context)),
    planPromote: (key: string, weight: number | null): Plan =>
      asPlan(key, () =>
        explainPromotion(currentOf(key), promotion(currentOf(key), weight, contextOf(nobody))),
      ),
    planRollback: (key: string, to: number | null): Plan =>
      asPlan(key, () => {
        const current = currentOf(key);
        const begun = goBack(current, to, contextOf(nobody));
        return {
          action: begun.action,
          changes: begun.changes,
          steps: explain(begun, current, states.nodeViews(key)),
        };
      }),
    cancelBuild: (key: string, build: string, actor: Actor): void =>
      void act(key, actor, ({ rollout }, context) => {
        if (rollout?.id === rolloutOfBuild(build)) return cancelBuild(rollout, build, context);
        throw new OrcaError('CONFLICT', `the build ${build} is over; there is nothing to cancel`);
      }),
    pause: (key: string, actor: Actor): void => void act(key, actor, beginPause),
    resume: (key: string, actor: Actor): void => void act(key, actor, beginResume),
    unserved: (key: string): { reason: string; isComing: boolean } | null => {
      const ingress = states.nodes().filter((node) => node.ingress);
      const { isInForce, reason, refusal } = shapeInForce(currentOf(key), ingress);
      return isInForce ? null : { reason, isComing: refusal === null && ingress.some(isLiveNode) };
    },
    maintenance: (key: string, message: string | null, actor: Actor): void => {
      const nowMs = Date.now();
      const current = currentOf(key);
      refuseRemoved(current);
      const maintenance = message === null ? null : { message, by: actor.by, sinceMs: nowMs };
      const service: Service = { ...current.service, maintenance, updatedAtMs: nowMs };
      store.write((tx) => {
        tx.putService(service);
        const what = message === null ? 'maintenance ended' : `in maintenance: ${message}`;
        tx.addEvent({
          atMs: nowMs,
          kind: 'service.maintenance',
          service: key,
          node: null,
          rollout: null,
          message: `${key}: ${what}, by ${actor.by}`,
        });
      });
    },
  };
}
