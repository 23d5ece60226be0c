/** Writes of webhooks and their deliveries: keeps the indexes true, and of each webhook the newest deliveries only, none of which is open. */
import { type Delivery, isOpen, isOwed } from '../../shared/webhook.js';
import type { Table } from './database.js';
import { type DeliveryMark, deliveryKey, digestMark, remoteMark, type Tables } from './tables.js';

/** So many deliveries of a webhook are kept, and whatever is open beside them. */
export const KEPT_DELIVERIES = 200;

export interface Writing {
  put<V>(table: Table<V>, key: string, value: V): boolean;
  remove<V>(table: Table<V>, key: string): boolean;
}

/** True when something changed. */
export function putDelivery(tables: Tables, { put, remove }: Writing, delivery: Delivery): boolean {
  const { webhook, id, service } = delivery;
  const isNew = tables.deliveryWebhooks.get(id) === undefined;
  if (!put(tables.deliveries, deliveryKey(webhook, id), delivery)) return false;
  if (isOpen(delivery)) put(tables.openDeliveries, openKey(service, id), id);
  else remove(tables.openDeliveries, openKey(service, id));
  if (isOwed(delivery)) put(tables.owedReports, id, id);
  else remove(tables.owedReports, id);
  if (!isNew) return true;
  put(tables.deliveryWebhooks, id, webhook);
  // What a user repeats is no second call of the provider's.
  if (delivery.redeliveryOf === null)
    for (const mark of marksOf(delivery)) put(tables.deliveryMarks, mark, id);
  return true;
}

/** Forgets what is beyond those that are kept. Once for many that were put: it counts them all. */
export function trimDeliveries(tables: Tables, { remove }: Writing, webhook: string): void {
  const keys = tables.deliveries.keys(`${webhook}|`);
  for (const key of keys.slice(0, Math.max(0, keys.length - KEPT_DELIVERIES))) {
    const old = tables.deliveries.get(key);
    if (old && !isOpen(old)) dropDelivery(tables, remove, old);
  }
}

/** Forgets it with its secret and its deliveries, also those that wait. */
export function dropWebhook(tables: Tables, { remove }: Writing, id: string): void {
  for (const delivery of tables.deliveries.values(`${id}|`)) dropDelivery(tables, remove, delivery);
  remove(tables.webhooks, id);
}

function dropDelivery(tables: Tables, remove: Writing['remove'], delivery: Delivery): void {
  const { webhook, id, service } = delivery;
  for (const mark of marksOf(delivery))
    if (tables.deliveryMarks.get(mark) === id) remove(tables.deliveryMarks, mark);
  remove(tables.openDeliveries, openKey(service, id));
  remove(tables.owedReports, id);
  remove(tables.deliveryWebhooks, id);
  remove(tables.deliveries, deliveryKey(webhook, id));
}

function marksOf({ webhook, remoteId, digest }: Delivery): DeliveryMark[] {
  return [...(remoteId === null ? [] : [remoteMark(webhook, remoteId)]), digestMark(webhook, digest)];
}

const openKey = (service: string, id: string): string => `${service}|${id}`;
