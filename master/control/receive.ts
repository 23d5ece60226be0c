/**
 * Takes in calls whose signature was proved: reads what each says, judges it for every webhook that it is signed for, and answers when
 * that is on disk. Calls that come at the same moment are one commit. A call that was taken in before is known again and changes nothing.
 */
import { randomBytes } from 'node:crypto';
import { OrcaError } from '../../shared/errors.js';
import { forSource } from '../../shared/for-source.js';
import type { Delivery, Provider, Webhook } from '../../shared/webhook.js';
import { firstReport } from '../plan/commit-status.js';
import { judgePull } from '../plan/judge-pull.js';
import { isOf, judgePush } from '../plan/judge-push.js';
import { type Received, readPush } from '../plan/read-push.js';
import type { Store } from '../store/store.js';
import { digestMark, remoteMark } from '../store/tables.js';
import type { Transaction } from '../store/transaction.js';

export interface HookCall {
  provider: Provider;
  /** The webhooks whose secret it is signed with: ids. */
  signedFor: string[];
  event: string;
  remoteId: string | null;
  /** SHA-256 of its body, hex. */
  digest: string;
  payload: unknown;
}

export interface Receipt {
  isPing: boolean;
  deliveries: { delivery: Delivery; isDuplicate: boolean }[];
}

export interface Receive {
  /** Rejects with BODY_INVALID for what can't be read, and with STORE_FULL. */
  receive(call: HookCall): Promise<Receipt>;
}

/** How long calls are gathered for one commit: about what a disk takes for it, so that many at once wait for few. */
const GATHER_MS = 4;

export function createReceive(store: Store, nowMs: () => number): Receive {
  const queue: Waiting[] = [];
  /** What one of them throws is its own; what the store throws is everybody's. */
  const flush = (): void => {
    const together = queue.splice(0);
    try {
      store.requireRoom();
      const receipts = store.write((tx) => {
        const all = together.map(({ call, received }) => settled(() => takeIn(tx, call, received, nowMs())));
        for (const id of new Set(together.flatMap(({ call }) => call.signedFor))) tx.trimDeliveries(id);
        return all;
      });
      for (const [at, { resolve }] of together.entries()) resolve(receipts[at] as Promise<Receipt>);
    } catch (error) {
      for (const { resolve } of together) resolve(Promise.reject(error));
    }
  };
  return {
    async receive(call) {
      const reading = readPush(call.provider, call.event, call.payload);
      if (reading.kind === 'bad')
        throw new OrcaError('BODY_INVALID', `the payload can't be read: ${reading.reason}`);
      return await new Promise<Receipt>((resolve) => {
        queue.push({ call, received: reading.received, resolve });
        if (queue.length === 1) setTimeout(flush, GATHER_MS);
      });
    },
  };
}

interface Waiting {
  call: HookCall;
  received: Received;
  resolve: (receipt: Promise<Receipt>) => void;
}

/** As a promise, whose rejection nobody has to look at. */
function settled<T>(body: () => T): Promise<T> {
  const promise = new Promise<T>((resolve) => resolve(body()));
  promise.catch(() => undefined);
  return promise;
}

function takeIn(tx: Transaction, call: HookCall, received: Received, nowMs: number): Receipt {
  const webhooks = call.signedFor.flatMap((id) => tx.webhook(id) ?? []);
  // One secret may be several repositories': then the push is for its own.
  const own = webhooks.filter((one) => received.repo !== null && isOf(one, received.repo));
  // All are judged before any is put: what throws has put none.
  const deliveries = (own.length > 0 ? own : webhooks).map((webhook) => {
    const known = knownDelivery(tx, webhook, call);
    if (known) return { delivery: known, isDuplicate: true };
    return { delivery: newDelivery(tx, webhook, call, received, nowMs), isDuplicate: false };
  });
  for (const { delivery, isDuplicate } of deliveries) if (!isDuplicate) tx.putDelivery(delivery);
  return { isPing: received.kind === 'ping', deliveries };
}

/** GitHub's redeliveries have the id of the first, so that the same body under another id is somebody who repeats what they saw. */
function knownDelivery(tx: Transaction, { id }: Webhook, call: HookCall): Delivery | null {
  const byId = call.remoteId === null ? undefined : tx.markedDelivery(remoteMark(id, call.remoteId));
  const byBody = call.provider === 'github' ? tx.markedDelivery(digestMark(id, call.digest)) : undefined;
  const found = byId ?? byBody;
  return found === undefined ? null : (tx.delivery(found) ?? null);
}

function newDelivery(
  tx: Transaction,
  webhook: Webhook,
  call: HookCall,
  received: Received,
  nowMs: number,
): Delivery {
  const { push, reason, ...of } = judged(tx, webhook, call, received);
  const isSkipped = reason !== null;
  const state = isSkipped ? 'skipped' : 'waiting';
  return {
    id: newDeliveryId(nowMs),
    webhook: webhook.id,
    service: webhook.service,
    ...of,
    remoteId: call.remoteId,
    digest: call.digest,
    push,
    receivedAtMs: nowMs,
    state,
    reason: reason ?? 'waits a moment for further pushes',
    burstSinceMs: nowMs,
    rollout: null,
    endedAtMs: isSkipped ? nowMs : null,
    redeliveryOf: null,
    ...firstReport({ push, state }, webhook.report !== undefined && of.pull?.action !== 'close'),
  };
}

/** `reason` null: it is to be brought out. */
function judged(
  tx: Transaction,
  webhook: Webhook,
  { payload }: HookCall,
  received: Received,
): Pick<Delivery, 'push' | 'reason' | 'pull'> & { service?: string } {
  const { previews } = webhook;
  if (received.pull && previews) return judgePull({ ...webhook, previews }, received.pull, received);
  const build = tx.service(webhook.service)?.spec.build ?? null;
  const judgement = judgePush(forSource(webhook, build), received, payload);
  return { push: judgement.push, reason: judgement.kind === 'skip' ? judgement.reason : null };
}

/** Ids sort by their time. */
export const newDeliveryId = (nowMs: number): string =>
  `d-${nowMs.toString(36).padStart(9, '0')}-${randomBytes(4).toString('hex')}`;
