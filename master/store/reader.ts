/** Reads of the store, the same inside a transaction (which sees its own writes) and outside. */
import { type Build, rolloutOfBuild } from '../../shared/build.js';
import type { Allocation, ClusterEvent, Node, Release, Rollout, Service } from '../../shared/model.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import {
  type AcmeRecord,
  allocationPrefix,
  buildKey,
  deliveryKey,
  type JoinToken,
  type NodeIdentity,
  type OwnCertificate,
  releaseKey,
  rolloutKey,
  type SecretRecord,
  type SiteCertificate,
  type Tables,
  type Token,
} from './tables.js';

export interface Reader {
  services(): Service[];
  serviceKeys(): string[];
  service(key: string): Service | undefined;
  /** Kept releases, oldest first. */
  releases(service: string): Release[];
  release(service: string, number: number): Release | undefined;
  rollout(id: string): Rollout | undefined;
  activeRollout(service: string): Rollout | undefined;
  /** Newest first. */
  rollouts(service: string, limit: number): Rollout[];
  allocation(id: string): Allocation | undefined;
  allocations(service: string): Allocation[];
  allAllocations(): Allocation[];
  allocationsOn(node: string): Allocation[];
  nodes(): Node[];
  node(id: string): Node | undefined;
  assignmentFingerprint(node: string): string | undefined;
  certificates(): SiteCertificate[];
  certificate(name: string): SiteCertificate | undefined;
  ownCertificates(): OwnCertificate[];
  ownCertificate(id: string): OwnCertificate | undefined;
  acmeRecords(): AcmeRecord[];
  acmeRecord(name: string): AcmeRecord | undefined;
  tokens(): Token[];
  joinTokens(): JoinToken[];
  joinToken(id: string): JoinToken | undefined;
  identities(): NodeIdentity[];
  identity(node: string): NodeIdentity | undefined;
  secrets(): SecretRecord[];
  secret(key: string): SecretRecord | undefined;
  /** Virtual addresses by service, and that of DNS. */
  addresses(): [key: string, address: string][];
  webhooks(): Webhook[];
  webhook(id: string): Webhook | undefined;
  delivery(id: string): Delivery | undefined;
  /** The kept delivery that has this mark (`remoteMark`, `digestMark`). */
  markedDelivery(mark: string): string | undefined;
  /** Newest first. */
  deliveries(webhook: string, limit: number): Delivery[];
  /** Those that wait or deploy: of one service, oldest first, or of all. */
  openDeliveries(service?: string): Delivery[];
  build(id: string): Build | undefined;
  /** Newest first; of one service. */
  builds(service: string, limit: number): Build[];
  /** Whose commit is to be told something, oldest first. */
  owedReports(): Delivery[];
  /** The newest `limit` events, oldest first. */
  events(limit: number): ClusterEvent[];
  eventsAfter(number: number): ClusterEvent[];
  meta(key: string): unknown;
}

export function createReader(tables: Tables): Reader {
  const present = <T>(values: (T | undefined)[]): T[] =>
    values.filter((value): value is T => value !== undefined);
  const delivery = (id: string): Delivery | undefined => {
    const webhook = tables.deliveryWebhooks.get(id);
    return webhook === undefined ? undefined : tables.deliveries.get(deliveryKey(webhook, id));
  };
  return {
    services: () => tables.services.values(),
    serviceKeys: () => tables.services.keys(),
    service: (key) => tables.services.get(key),
    releases: (service) => tables.releases.values(`${service}|`),
    release: (service, number) => tables.releases.get(releaseKey(service, number)),
    rollout: (id) => {
      const service = tables.rolloutServices.get(id);
      return service === undefined ? undefined : tables.rollouts.get(rolloutKey(service, id));
    },
    activeRollout: (service) => {
      const id = tables.activeRollouts.get(service);
      return id === undefined ? undefined : tables.rollouts.get(rolloutKey(service, id));
    },
    rollouts: (service, limit) => tables.rollouts.last(`${service}|`, limit),
    allocation: (id) => tables.allocations.get(id),
    allocations: (service) =>
      tables.allocations.values(allocationPrefix(service)).filter((a) => a.service === service),
    allAllocations: () => tables.allocations.values(),
    allocationsOn: (node) =>
      present(tables.allocationsByNode.values(`${node}|`).map((id) => tables.allocations.get(id))),
    nodes: () => tables.nodes.values(),
    node: (id) => tables.nodes.get(id),
    assignmentFingerprint: (node) => tables.assignmentMarks.get(node)?.fingerprint,
    certificates: () => tables.certificates.values(),
    certificate: (name) => tables.certificates.get(name),
    ownCertificates: () => tables.ownCertificates.values(),
    ownCertificate: (id) => tables.ownCertificates.get(id),
    acmeRecords: () => tables.acme.values(),
    acmeRecord: (name) => tables.acme.get(name),
    tokens: () => tables.tokens.values(),
    joinTokens: () => tables.joinTokens.values(),
    joinToken: (id) => tables.joinTokens.get(id),
    identities: () => tables.identities.values(),
    identity: (node) => tables.identities.get(node),
    secrets: () => tables.secrets.values(),
    secret: (key) => tables.secrets.get(key),
    addresses: () => tables.addresses.keys().map((key) => [key, tables.addresses.get(key) ?? '']),
    webhooks: () => tables.webhooks.values(),
    webhook: (id) => tables.webhooks.get(id),
    delivery,
    markedDelivery: (mark) => tables.deliveryMarks.get(mark),
    deliveries: (webhook, limit) => tables.deliveries.last(`${webhook}|`, limit),
    openDeliveries: (service) =>
      present(tables.openDeliveries.values(service === undefined ? '' : `${service}|`).map(delivery)),
    build: (id) => {
      const service = tables.rolloutServices.get(rolloutOfBuild(id));
      return service === undefined ? undefined : tables.builds.get(buildKey(service, id));
    },
    builds: (service, limit) => tables.builds.last(`${service}|`, limit),
    owedReports: () => present(tables.owedReports.keys().map(delivery)),
    events: (limit) => tables.events.last('', limit).reverse(),
    eventsAfter: (number) =>
      tables.events
        .last('', 500)
        .filter((e) => e.number > number)
        .reverse(),
    meta: (key) => tables.meta.get(key),
  };
}
