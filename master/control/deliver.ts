/**
 * The loop that brings pushes out: waits for the quiet after them (`plan/bursts`), begins the newest, and writes what became of it. That a
 * delivery deploys and that its rollout has begun are one commit, so that a master that dies in between has done neither, and the next one
 * begins it. What can't be stored is tried again.
 */
import { messageOf, OrcaError } from '../../shared/errors.js';
import { isInfraKey } from '../../shared/infra.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { ended, planBurst, settle } from '../plan/bursts.js';
import type { Store } from '../store/store.js';
import { auditDelivery } from './audit.js';
import type { BringOut } from './bring-out.js';
import type { BringPreview } from './previews.js';

export interface DeliverOptions {
  store: Store;
  bringOut: BringOut;
  /** Of pull requests; absent: they make nothing. */
  bringPreview?: BringPreview;
  nowMs: () => number;
  log: Log;
}

const LOOK_MS = 30_000;
const GATHER_MS = 500;
/** A preview that is asked for again while it goes waits for that. */
const AGAIN_MS = 1_000;

export function startDeliver(options: DeliverOptions): Loop {
  const { store, nowMs, log } = options;
  const loop = startLoop(
    async () => {
      const all = store.openDeliveries().filter(({ service }) => !isInfraKey(service));
      const services = new Set(all.map(({ service }) => service));
      const failed: unknown[] = [];
      const wakes = [...services].map((service) => {
        try {
          return store.batch(() => deliverOne(options, service));
        } catch (error) {
          failed.push(error);
          return null;
        }
      });
      if (failed.length > 0) throw failed[0];
      const wakeAtMs = Math.min(...wakes.flatMap((at) => at ?? []));
      // The loop's clock is the real one; a test's only says how long from now.
      if (Number.isFinite(wakeAtMs)) loop.wakeAt(Date.now() + Math.max(0, wakeAtMs - nowMs()));
    },
    {
      everyMs: LOOK_MS,
      onError: (error) => log.error({ error: messageOf(error) }, 'deliveries wait, and are tried again'),
    },
  );
  const unwatch = store.watch(({ deliveries, rollouts }) => {
    if (rollouts.size > 0) loop.wake();
    // Nothing of it is due yet, and many that come at once are looked at together.
    else if (deliveries.size > 0) loop.wakeAt(Date.now() + GATHER_MS);
  });
  return {
    ...loop,
    stop: () => {
      unwatch();
      return loop.stop();
    },
  };
}

/** When it is to be looked at again; null: when something changes. */
function deliverOne(options: DeliverOptions, service: string): number | null {
  const { store } = options;
  const nowMs = options.nowMs();
  const open = store.openDeliveries(service);
  const changed = open
    .filter(({ state }) => state === 'deploying')
    .map((one) => ({ one, now: settle(one, rolloutOf(store, one), nowMs) }))
    .flatMap(({ one, now }) => (now === one ? [] : [now]));
  const plan = planBurst(
    open.filter(({ state }) => state === 'waiting'),
    nowMs,
  );
  const begun = plan.due === null ? [] : [begin(options, service, plan.due, nowMs)];
  const isAgain = begun.some(({ state }) => state === 'waiting');
  store.write((tx) => {
    for (const delivery of [...changed, ...plan.put, ...begun]) tx.putDelivery(delivery);
    for (const { id, state, reason, webhook, rollout } of begun)
      if (state === 'deploying') {
        const pushed = { webhook, delivery: id, service, rollout: rollout ?? '' };
        auditDelivery(tx, { ...pushed, text: (rollout && store.rollout(rollout)?.by) ?? webhook }, nowMs);
      } else if (state === 'removed')
        auditDelivery(tx, { webhook, delivery: id, service, rollout: null, text: reason ?? '' }, nowMs);
      else if (state !== 'waiting')
        tx.addEvent({
          ...{ atMs: nowMs, kind: `webhook.${state}`, service, node: null, rollout: null },
          message: `the push ${id} of the webhook ${webhook} deploys nothing: ${reason}`,
        });
  });
  return isAgain ? nowMs + AGAIN_MS : plan.wakeAtMs;
}

const rolloutOf = (store: Store, { rollout }: Delivery) =>
  rollout === null ? null : (store.rollout(rollout) ?? null);

/** The delivery as it goes on. Throws only what is to be tried again. */
function begin(
  { store, bringOut, bringPreview }: DeliverOptions,
  key: string,
  due: Delivery,
  nowMs: number,
): Delivery {
  const actor = { by: actorOf(due, store.webhook(due.webhook)), source: 'webhook' as const };
  if (due.pull) {
    if (!bringPreview) return ended(due, 'skipped', 'this master makes no previews', nowMs);
    return refusedAs(due, nowMs, () => bringPreview(due, actor, nowMs));
  }
  const service = store.service(key);
  if (!service) return ended(due, 'skipped', `there is no service ${key}`, nowMs);
  if (service.desired === 'removed') return ended(due, 'skipped', `${key} is being removed`, nowMs);
  if (service.desired === 'stopped')
    return ended(due, 'skipped', `${key} is stopped; \`orca start\` it first`, nowMs);
  return refusedAs(due, nowMs, () => {
    const rollout = bringOut(service, due, actor);
    return { ...due, state: 'deploying', reason: null, rollout };
  });
}

/** A refusal is what became of it; throws what is to be tried again. */
function refusedAs(due: Delivery, nowMs: number, bring: () => Delivery): Delivery {
  try {
    return bring();
  } catch (error) {
    if (!(error instanceof OrcaError) || error.code === 'STORE_FULL') throw error;
    return ended(due, 'failed', toDo(error), nowMs);
  }
}

/** Nobody is there to be told more: what cluster.toml does not allow says which line would. */
const toDo = ({ code, message, hint }: OrcaError): string =>
  code === 'NOT_ALLOWED' ? `${message}. ${hint}` : message;

/** Who, and what: it stands in the history of the service and in its events. */
export function actorOf({ push, webhook, pull }: Delivery, of: Webhook | undefined): string {
  const number = pull === undefined ? '' : `#${pull.number}`;
  const commit = push.commit === null ? '' : `@${push.commit.slice(0, 7)}`;
  const tag = push.imageTag === null ? '' : ` tag ${push.imageTag}`;
  return `${push.author ?? webhook} (${of?.repo ?? 'a webhook'}${number}${commit}${tag})`;
}
