/**
 * The loop that brings out pushes to infrastructure repositories: waits for the quiet after them (`plan/bursts`), has a node read the newest, looks at
 * all of its services before anything is changed, and begins the rollouts of those that changed. One bad file, and nothing of that push is deployed.
 *
 * That a delivery has begun, its rollouts and whose the services are is one commit, so that a master that dies in between has done none of it: what was
 * read is in memory alone, and is read again. What is no longer in the repository is removed only by a webhook that prunes, in the commit in which a push
 * of which every rollout succeeded ends, and only what the same webhook deployed.
 */
import type { DeployReply } from '../../shared/api.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { type InfraOutcome, type InfraSource, isInfraKey } from '../../shared/infra.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { Rollout } from '../../shared/model.js';
import { type ServiceSpec, serviceKey } from '../../shared/spec.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { ended, planBurst, supersededBy } from '../plan/bursts.js';
import { goneOf, readerOf, settleInfra, strangerOf, workingReason } from '../plan/infra.js';
import type { Store } from '../store/store.js';
import { auditDelivery } from './audit.js';
import type { Actor } from './commands.js';
import { actorOf } from './deliver.js';
import { type InfraRead, type InfraReading, readInfra } from './infra-read.js';

export interface InfraOptions extends InfraReading {
  store: Store;
  isLive(node: string): boolean;
  /** The specs as they are deployed. Throws an OrcaError when they can't be. */
  check(specs: ServiceSpec[]): ServiceSpec[];
  deploy(specs: ServiceSpec[], actor: Actor): DeployReply['rollouts'];
  remove(service: string): void;
  nowMs: () => number;
  log: Log;
}

const LOOK_MS = 30_000;
const GATHER_MS = 500;
const RETRY_MS = 5_000;
/** So often a node may go away under a push before that is what came of it. */
const MAX_TRIES = 10;
/** Characters; git's words are whoever answers'. */
const MAX_REASON = 2_000;

/** What is known of a push that is being read; in memory alone. */
interface Reading {
  node: string;
  tries: number;
  retryAtMs: number;
  /** Null: a node is at it. */
  read: InfraRead | null;
}

export function startInfra(options: InfraOptions): Loop {
  const { store, nowMs, log } = options;
  const readings = new Map<string, Reading>();
  let isBusy = true;
  const openOnes = () => store.openDeliveries().filter(({ service }) => isInfraKey(service));
  const loop = startLoop(
    async () => {
      const open = openOnes();
      isBusy = open.length > 0;
      for (const id of readings.keys()) if (!open.some((one) => one.id === id)) readings.delete(id);
      const wakes = [...new Set(open.map(({ service }) => service))].map((key) =>
        store.batch(() => onePass(options, readings, loop.wake, key)),
      );
      const wakeAtMs = Math.min(...wakes.flatMap((at) => at ?? []));
      if (Number.isFinite(wakeAtMs)) loop.wakeAt(Date.now() + Math.max(0, wakeAtMs - nowMs()));
    },
    {
      everyMs: LOOK_MS,
      onError: (error) =>
        log.error(
          { error: messageOf(error) },
          'pushes of infrastructure repositories wait, and are tried again',
        ),
    },
  );
  const unwatch = store.watch(({ deliveries, rollouts, services, nodes }) => {
    const isPushed = [...deliveries].some(isInfraKey);
    if (isPushed || (isBusy && rollouts.size + services.size + nodes.size > 0))
      loop.wakeAt(Date.now() + GATHER_MS);
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
function onePass(
  options: InfraOptions,
  readings: Map<string, Reading>,
  wake: () => void,
  key: string,
): number | null {
  const { store } = options;
  const nowMs = options.nowMs();
  const open = store.openDeliveries(key);
  const plan = planBurst(
    open.filter(({ state }) => state === 'waiting'),
    nowMs,
  );
  const { due } = plan;
  const under = open.filter(({ state }) => state === 'deploying');
  const put = due === null ? plan.put : [...plan.put, ...under.map((one) => supersededBy(one, due, nowMs))];
  const begun: Delivery[] = due === null ? under : [{ ...due, state: 'deploying', reason: null }];
  const gone = begun.map((one) => ({ one, ...goOn(options, readings, wake, one) }));
  store.write((tx) => {
    for (const delivery of [...put, ...gone.map(({ now }) => now)]) tx.putDelivery(delivery);
    for (const { now } of gone)
      if (now.state === 'failed')
        tx.addEvent({
          ...{ atMs: nowMs, kind: 'webhook.failed', service: null, node: null, rollout: null },
          message: `the push ${now.id} of the webhook ${now.webhook}: ${now.reason}`,
        });
  });
  const wakes = [plan.wakeAtMs, ...gone.map(({ wakeAtMs }) => wakeAtMs)].flatMap((at) => at ?? []);
  return wakes.length === 0 ? null : Math.min(...wakes);
}

interface Step {
  now: Delivery;
  wakeAtMs: number | null;
}

/** The delivery one step on. Throws only what is to be tried again. */
function goOn(
  options: InfraOptions,
  readings: Map<string, Reading>,
  wake: () => void,
  delivery: Delivery,
): Step {
  const { store } = options;
  const nowMs = options.nowMs();
  const webhook = store.webhook(delivery.webhook);
  const end = (reason: string): Step => ({
    now: ended(delivery, 'failed', oneLine(reason), nowMs),
    wakeAtMs: null,
  });
  const stay = (reason: string, wakeAtMs: number | null = null): Step => ({
    now: { ...delivery, reason: oneLine(reason) },
    wakeAtMs,
  });
  if (!hasInfra(webhook)) return end('its webhook is no longer there');
  if (delivery.infra) return settled(options, webhook, { ...delivery, infra: delivery.infra });
  const known = readings.get(delivery.id);
  if (known && known.read === null) return stay(`reads ${webhook.repo} on ${nameOf(store, known.node)}`);
  if (known?.read?.kind === 'read') return bringOut(options, webhook, delivery, known.read, { end, stay });
  if (known?.read?.kind === 'problem') {
    if (known.read.isFinal || known.tries >= MAX_TRIES) return end(known.read.reason);
    if (known.retryAtMs > nowMs) return stay(`${known.read.reason}; it is tried again`, known.retryAtMs);
  }
  const reader = readerOf(store.nodes(), options.isLive, known?.node ?? null);
  if ('reason' in reader) return stay(reader.reason, nowMs + RETRY_MS);
  const reading: Reading = {
    ...{ node: reader.node.id, tries: (known?.tries ?? 0) + 1 },
    ...{ retryAtMs: 0, read: null },
  };
  readings.set(delivery.id, reading);
  void readInfra(options, webhook, delivery, reader.node).then((read) => {
    Object.assign(reading, { read, retryAtMs: options.nowMs() + RETRY_MS });
    wake();
  });
  return stay(`reads ${webhook.repo} on ${reader.node.facts.name}`);
}

type InfraWebhook = Webhook & { infra: InfraSource };
const hasInfra = (webhook: Webhook | undefined): webhook is InfraWebhook => webhook?.infra !== undefined;
const nameOf = (store: Store, node: string): string => store.node(node)?.facts.name ?? node;
const oneLine = (text: string): string =>
  text
    .trim()
    .replace(/\s*\n\s*/g, '; ')
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, MAX_REASON);
const keyOf = ({ project, name }: ServiceSpec): string => serviceKey(project, name);

function bringOut(
  options: InfraOptions,
  webhook: InfraWebhook,
  delivery: Delivery,
  { specs, commit }: Extract<InfraRead, { kind: 'read' }>,
  { end, stay }: { end(reason: string): Step; stay(reason: string): Step },
): Step {
  const { store } = options;
  const there = specs.flatMap((spec) => store.service(keyOf(spec)) ?? []);
  const leaving = there.find(({ desired }) => desired === 'removed');
  if (leaving) return stay(`waits until ${leaving.key}, which is being removed, is gone`);
  const stranger = strangerOf(there, webhook.id, store.webhook);
  if (stranger !== null) return end(stranger);
  const stopped = there.flatMap(({ key, desired }) => (desired === 'stopped' ? [key] : []));
  try {
    const wanted = options.check(specs).filter((spec) => !stopped.includes(keyOf(spec)));
    const by = actorOf({ ...delivery, push: { ...delivery.push, commit } }, webhook);
    const begun = options.deploy(wanted, { by, source: 'webhook' });
    const services = wanted.map((spec, at) => ({
      service: keyOf(spec),
      change: begun[at]?.change ?? 'none',
      rollout: begun[at]?.id ?? null,
    }));
    const keys = new Set(specs.map(keyOf));
    const gone = goneOf(store.services(), webhook.id, keys);
    const infra: InfraOutcome = { commit, services, stopped, gone, isPruned: false };
    own(options, delivery, { keys, services, by });
    return settled(options, webhook, { ...delivery, infra });
  } catch (error) {
    if (!(error instanceof OrcaError) || error.code === 'STORE_FULL') throw error;
    return end(error.message);
  }
}

/** Whose they are from now on, and who did it. */
function own(
  { store, nowMs }: InfraOptions,
  { webhook, id }: Delivery,
  { keys, services, by }: { keys: ReadonlySet<string>; services: InfraOutcome['services']; by: string },
): void {
  store.write((tx) => {
    for (const key of keys) {
      const service = tx.service(key);
      if (service) tx.putService({ ...service, managedBy: webhook });
    }
    for (const { service, rollout } of services)
      if (rollout !== null) auditDelivery(tx, { webhook, delivery: id, service, rollout, text: by }, nowMs());
  });
}

/** As it stands with its rollouts; when all went well, what is gone is removed in the same commit. */
function settled(
  { store, remove, nowMs }: InfraOptions,
  webhook: InfraWebhook,
  delivery: Delivery & { infra: InfraOutcome },
): Step {
  const of = (id: string): Rollout | null => store.rollout(id) ?? null;
  const isPruned = webhook.infra.prune && delivery.infra.gone.length > 0;
  const pruned = { ...delivery, infra: { ...delivery.infra, isPruned } };
  const now = settleInfra(pruned, of, nowMs());
  if (now === null)
    return { now: { ...delivery, reason: oneLine(workingReason(delivery.infra, of)) }, wakeAtMs: null };
  if (now.state !== 'deployed') return { now: { ...delivery, ...pick(now) }, wakeAtMs: null };
  if (isPruned) for (const key of goneOf(store.services(), webhook.id, keysOf(delivery.infra))) remove(key);
  return { now: { ...now, reason: oneLine(now.reason ?? '') }, wakeAtMs: null };
}

const pick = ({ state, reason, endedAtMs }: Delivery) => ({
  state,
  reason: oneLine(reason ?? ''),
  endedAtMs,
});

const keysOf = ({ services, stopped }: InfraOutcome): ReadonlySet<string> =>
  new Set([...services.map(({ service }) => service), ...stopped]);
