/**
 * Writes of the store, inside one transaction: keeps the indexes true and records what changed, so that only that is
 * planned again. A write that changes nothing is not a change.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Build } from '../../shared/build.js';
import { canonicalJson } from '../../shared/fingerprint.js';
import type { Allocation, ClusterEvent, Node, Release, Rollout, Service } from '../../shared/model.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { type AccessWrites, accessWrites } from './access-writes.js';
import type { Table } from './database.js';
import { holdKey, removedKey } from './hold.js';
import { dropRollout, putBuildOf } from './put-build.js';
import { dropWebhook, putDelivery, trimDeliveries } from './put-delivery.js';
import { createReader, type Reader } from './reader.js';
import { type Reseal, resealed } from './sealed.js';
import {
  type AcmeRecord,
  buildKey,
  byNodeKey,
  type JoinToken,
  type NodeIdentity,
  type OwnCertificate,
  padded,
  releaseKey,
  rolloutKey,
  type SecretRecord,
  type SiteCertificate,
  type Tables,
} from './tables.js';

/** What a commit changed. */
export interface Changes {
  services: Set<string>;
  /** Services to be planned again though no record of them changed. */
  touched: Set<string>;
  /** Services that wait for something else now; nothing is planned on that. */
  explained: Set<string>;
  /** Nodes that came, went or have other room: what runs there and whatever waits for a place is to be planned again. */
  touchedNodes: Set<string>;
  nodes: Set<string>;
  /** Rollouts that were written. */
  rollouts: Set<string>;
  /** Services of deliveries that were written. */
  deliveries: Set<string>;
  events: ClusterEvent[];
  /** Anything at all was written. */
  any: boolean;
}

export interface Transaction extends Reader, AccessWrites {
  putService(service: Service): void;
  /** What the service waits for, as people are shown it. */
  putWaits(key: string, waits: string[]): void;
  /** Forgets the service with its releases and rollouts. */
  deleteService(key: string): void;
  putRelease(release: Release): void;
  deleteRelease(service: string, number: number): void;
  putRollout(rollout: Rollout): void;
  putAllocation(allocation: Allocation): void;
  deleteAllocation(id: string): void;
  putNode(node: Node): void;
  /** Forgets the node and its identity: no session of it is let in any more. */
  deleteNode(id: string): void;
  putIdentity(identity: NodeIdentity): void;
  putSecret(key: string, secret: SecretRecord): void;
  deleteSecret(key: string): void;
  /** Puts what `change` makes of it in place of everything that is sealed. */
  reseal(change: Reseal): void;
  markAssignment(node: string, fingerprint: string): void;
  putCertificate(certificate: SiteCertificate): void;
  deleteCertificate(name: string): void;
  putOwnCertificate(certificate: OwnCertificate): void;
  deleteOwnCertificate(id: string): void;
  putAcme(record: AcmeRecord): void;
  deleteAcme(name: string): void;
  putJoinToken(token: JoinToken): void;
  deleteJoinToken(id: string): void;
  putAddress(key: string, address: string): void;
  putWebhook(webhook: Webhook): void;
  /** Forgets it with its deliveries. */
  deleteWebhook(id: string): void;
  putDelivery(delivery: Delivery): void;
  /** Forgets a webhook's deliveries beyond those that are kept. */
  trimDeliveries(webhook: string): void;
  putBuild(build: Build): void;
  addEvent(event: Omit<ClusterEvent, 'number'>): void;
  putMeta(key: string, value: unknown): void;
  deleteMeta(key: string): void;
  /** Has the service planned again though no record of it changed. */
  touchService(key: string): void;
  /** Has what runs on the node, and whatever waits for a place or is being rolled out, planned again in a moment. */
  touchNode(id: string): void;
}

/** Ended rollouts kept per service, and events kept in all. */
export const KEPT_ROLLOUTS = 30;
export const KEPT_EVENTS = 1_000;
/** Characters; reasons come from agents, from Docker and from what runs there. */
const MAX_EVENT_LENGTH = 4_000;

export const noChanges = (): Changes => ({
  services: new Set(),
  touched: new Set(),
  explained: new Set(),
  touchedNodes: new Set(),
  nodes: new Set(),
  rollouts: new Set(),
  deliveries: new Set(),
  events: [],
  any: false,
});

export function addChanges(sum: Changes, more: Changes): void {
  for (const key of more.services) sum.services.add(key);
  for (const key of more.touched) sum.touched.add(key);
  for (const key of more.explained) sum.explained.add(key);
  for (const id of more.nodes) sum.nodes.add(id);
  for (const id of more.rollouts) sum.rollouts.add(id);
  for (const key of more.deliveries) sum.deliveries.add(key);
  sum.events.push(...more.events);
  for (const id of more.touchedNodes) sum.touchedNodes.add(id);
  sum.any ||= more.any;
}

export function createTransaction(tables: Tables, changes: Changes): Transaction {
  const put = <V>(table: Table<V>, key: string, value: V): boolean => {
    const before = table.get(key);
    if (before !== undefined && isSame(before, value)) return false;
    table.put(key, value);
    changes.any = true;
    return true;
  };
  const remove = <V>(table: Table<V>, key: string): boolean => {
    if (table.get(key) === undefined) return false;
    table.remove(key);
    changes.any = true;
    return true;
  };
  const serviceChanged = (key: string): void => {
    changes.services.add(key);
  };

  return {
    ...createReader(tables),
    ...accessWrites(tables, { put, remove }),
    putService(service) {
      if (put(tables.services, service.key, service)) serviceChanged(service.key);
    },
    putWaits(key, waits) {
      const service = tables.services.get(key);
      if (!service) return;
      const planned = { ...service.planned, waits };
      if (put(tables.services, key, { ...service, planned })) changes.explained.add(key);
    },
    deleteService(key) {
      for (const release of tables.releases.values(`${key}|`))
        remove(tables.releases, releaseKey(key, release.number));
      for (const old of tables.rollouts.values(`${key}|`)) dropRollout(tables, { remove }, old);
      remove(tables.activeRollouts, key);
      remove(tables.addresses, key);
      // Another service that is called the same later is not to be deployed by what this one's pushes were signed with.
      for (const { id, service } of tables.webhooks.values(''))
        if (service === key) dropWebhook(tables, { put, remove }, id);
      if (remove(tables.services, key)) serviceChanged(key);
    },
    putRelease(release) {
      if (put(tables.releases, releaseKey(release.service, release.number), release))
        serviceChanged(release.service);
    },
    deleteRelease(service, number) {
      if (remove(tables.releases, releaseKey(service, number))) serviceChanged(service);
    },
    putRollout(rollout) {
      if (!put(tables.rollouts, rolloutKey(rollout.service, rollout.id), rollout)) return;
      put(tables.rolloutServices, rollout.id, rollout.service);
      putBuildOf(tables, { put }, rollout);
      if (rollout.endedAtMs === null) put(tables.activeRollouts, rollout.service, rollout.id);
      else if (tables.activeRollouts.get(rollout.service) === rollout.id)
        remove(tables.activeRollouts, rollout.service);
      for (const old of tables.rollouts.last(`${rollout.service}|`, KEPT_ROLLOUTS + 1).slice(KEPT_ROLLOUTS))
        if (old.endedAtMs !== null) dropRollout(tables, { remove }, old);
      changes.rollouts.add(rollout.id);
      serviceChanged(rollout.service);
    },
    putAllocation(allocation) {
      if (!put(tables.allocations, allocation.id, allocation)) return;
      put(tables.allocationsByNode, byNodeKey(allocation.node, allocation.id), allocation.id);
      changes.nodes.add(allocation.node);
      serviceChanged(allocation.service);
    },
    deleteAllocation(id) {
      const allocation = tables.allocations.get(id);
      if (!allocation) return;
      remove(tables.allocations, id);
      remove(tables.allocationsByNode, byNodeKey(allocation.node, id));
      changes.nodes.add(allocation.node);
      serviceChanged(allocation.service);
    },
    putNode(node) {
      if (put(tables.nodes, node.id, node)) changes.nodes.add(node.id);
    },
    deleteNode(id) {
      remove(tables.assignmentMarks, id);
      remove(tables.identities, id);
      remove(tables.meta, holdKey(id));
      // Its certificate lasts on: it must not be taken for a node of before a restore.
      put(tables.meta, removedKey(id), true);
      if (remove(tables.nodes, id)) changes.nodes.add(id);
    },
    putIdentity(identity) {
      put(tables.identities, identity.node, identity);
    },
    putSecret(key, secret) {
      put(tables.secrets, key, secret);
    },
    deleteSecret(key) {
      remove(tables.secrets, key);
    },
    reseal(change) {
      for (const { table, key, value } of resealed(tables, change)) put(table, key, value);
    },
    markAssignment(node, fingerprint) {
      put(tables.assignmentMarks, node, { node, fingerprint });
    },
    putCertificate(certificate) {
      put(tables.certificates, certificate.name, certificate);
    },
    deleteCertificate(name) {
      remove(tables.certificates, name);
    },
    putOwnCertificate(certificate) {
      put(tables.ownCertificates, certificate.id, certificate);
    },
    deleteOwnCertificate(id) {
      remove(tables.ownCertificates, id);
    },
    putAcme(record) {
      put(tables.acme, record.name, record);
    },
    deleteAcme(name) {
      remove(tables.acme, name);
    },
    putJoinToken(token) {
      put(tables.joinTokens, token.id, token);
    },
    deleteJoinToken(id) {
      remove(tables.joinTokens, id);
    },
    putAddress(key, address) {
      put(tables.addresses, key, address);
    },
    putWebhook(webhook) {
      put(tables.webhooks, webhook.id, webhook);
    },
    deleteWebhook(id) {
      dropWebhook(tables, { put, remove }, id);
    },
    trimDeliveries(webhook) {
      trimDeliveries(tables, { put, remove }, webhook);
    },
    putDelivery(delivery) {
      if (putDelivery(tables, { put, remove }, delivery)) changes.deliveries.add(delivery.service);
    },
    putBuild(build) {
      if (put(tables.builds, buildKey(build.service, build.id), build)) changes.explained.add(build.service);
    },
    addEvent(event) {
      const newest = tables.events.last('', 1)[0]?.number ?? 0;
      const message = event.message.slice(0, MAX_EVENT_LENGTH);
      const numbered: ClusterEvent = { ...event, message, number: newest + 1 };
      put(tables.events, padded(numbered.number), numbered);
      if (numbered.number > KEPT_EVENTS) remove(tables.events, padded(numbered.number - KEPT_EVENTS));
      changes.events.push(numbered);
    },
    putMeta(key, value) {
      put(tables.meta, key, value);
    },
    deleteMeta(key) {
      remove(tables.meta, key);
    },
    touchService: (key) => {
      changes.touched.add(key);
    },
    touchNode: (id) => {
      changes.touchedNodes.add(id);
    },
  };
}

/** As JSON: what is undefined is not there. */
const isSame = (before: unknown, after: unknown): boolean =>
  isDeepStrictEqual(before, after) || canonicalJson(before) === canonicalJson(after);
