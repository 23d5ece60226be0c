/** Which tables the store has, what each holds, and how its keys are made. */
import type { AuditEntry } from '../../shared/api-audit.js';
import type { Role } from '../../shared/api-tokens.js';
import type { Build } from '../../shared/build.js';
import type { Allocation, ClusterEvent, Node, Release, Rollout, Service } from '../../shared/model.js';
import { UNKNOWN_HOST_NAME } from '../../shared/pinned-name.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import type { Environment, Table } from './database.js';

/** A certificate that Orca's own CA issued for a site; the key is sealed with the home's master.key. */
export interface SiteCertificate {
  name: string;
  certPem: string;
  sealedKey: string;
  notBeforeMs: number;
  notAfterMs: number;
}

/** The certificate that unknown hosts are shown is kept under this name. */
export const FALLBACK_NAME = UNKNOWN_HOST_NAME;

/** A certificate of the user's: uploaded (`orca certs add`), or the last good one of the files that a service names. */
export interface OwnCertificate {
  /** `upload:<name>` or `files:<service key>`. */
  id: string;
  /** The names it is valid for, lower case. */
  names: string[];
  /** With its chain. */
  certPem: string;
  sealedKey: string;
  issuer: string;
  notBeforeMs: number;
  notAfterMs: number;
  by: string;
  atMs: number;
}

/** How far a name is with its certificate by ACME. */
export interface AcmeRecord {
  name: string;
  /** The CA that it is of, as its directory's URL. */
  directory: string;
  /** Null: none was issued yet. */
  certificate: {
    /** Its CA; absent: `directory`. */
    directory?: string;
    certPem: string;
    sealedKey: string;
    issuer: string;
    notBeforeMs: number;
    notAfterMs: number;
  } | null;
  /** The order under way, so that one that was begun is gone on with; `challenge`: what the CA may ask for at any moment. */
  order: {
    url: string;
    sealedKey: string;
    challenge?: { token: string; content: string; name: string | null };
    /** The token of the challenge whose record was shown in DNS, and may still be. */
    shown?: string;
  } | null;
  /** Tries that failed since the last that did not. */
  failures: number;
  /** Nothing is tried before that, ms. */
  nextAtMs: number;
  /** The CA allows nothing before that, ms; absent or 0: it said nothing. */
  notBeforeMs?: number;
  /** The end of the certificate whose expiry was said. */
  expiryTold?: number;
  /** Of the last try that failed; null: none did since it was issued. */
  problem: { atMs: number; reason: string; todo: string | null } | null;
}

/** An API token: only the SHA-256 (hex) of its text is kept, without the CA's fingerprint. */
export interface Token {
  name: string;
  /** Of its text; null: an admin's of before, whose text has none. */
  id: string | null;
  hash: string;
  role: Role;
  /** Null: all. */
  projects: string[] | null;
  createdBy: string;
  /** When it got this value. */
  createdAtMs: number;
  /** For how long it is good from then on; null: for ever. */
  ttlMs: number | null;
  revokedAtMs: number | null;
  /** The value before, as long as it is taken too. */
  previous: { hash: string; untilMs: number } | null;
}

/** An entry of the chain by its number and hash. */
export interface AuditMark {
  number: number;
  hash: string;
}

/** What lets hosts join; of its secret only the SHA-256 (hex) is kept. */
export interface JoinToken {
  id: string;
  secretHash: string;
  labels: Record<string, string>;
  uses: number;
  createdBy: string;
  createdAtMs: number;
  expiresAtMs: number;
  revokedAtMs: number | null;
  /** Who joined with it, oldest first; `key` is the SHA-256 (hex) of the public key, so that one who asks again is known. */
  used: { node: string; key: string; atMs: number }[];
}

/** A node id that this master has issued; without one no session is let in. */
export interface NodeIdentity {
  node: string;
  name: string;
  /** Of the token that it joined with, and as they were changed since. */
  labels: Record<string, string>;
  /** Whether a user gave it the ingress role, or took it away. Absent: nobody did. */
  isIngress?: boolean;
  issuedAtMs: number;
  /** When its newest certificate expires. */
  notAfterMs: number;
}

/** A secret of a project, or (null) of all. Its key in the table is what its values are sealed for, with their version. */
export interface SecretRecord {
  project: string | null;
  name: string;
  /** Previews may have it too; absent: they may not. */
  preview?: true;
  /** Oldest first; the last is what a deploy gets, the others are what kept releases were deployed with. */
  values: { version: string; sealed: string; setAtMs: number; by: string }[];
}

/** What was last decided for a node's assignment, so that an equal one is not sent under a new revision. */
export interface AssignmentMark {
  node: string;
  fingerprint: string;
}

export interface Tables {
  services: Table<Service>;
  releases: Table<Release>;
  rollouts: Table<Rollout>;
  /** service → id of its rollout that has not ended. */
  activeRollouts: Table<string>;
  /** rollout id → service. */
  rolloutServices: Table<string>;
  allocations: Table<Allocation>;
  /** `node|allocation id` → allocation id. */
  allocationsByNode: Table<string>;
  nodes: Table<Node>;
  assignmentMarks: Table<AssignmentMark>;
  certificates: Table<SiteCertificate>;
  ownCertificates: Table<OwnCertificate>;
  /** By name. */
  acme: Table<AcmeRecord>;
  tokens: Table<Token>;
  /** By number. */
  audit: Table<AuditEntry>;
  joinTokens: Table<JoinToken>;
  /** By node id. */
  identities: Table<NodeIdentity>;
  /** `project/name`, or `/name`. */
  secrets: Table<SecretRecord>;
  /** service, or `dns` → its virtual address. */
  addresses: Table<string>;
  webhooks: Table<Webhook>;
  /** `webhook|delivery id`. */
  deliveries: Table<Delivery>;
  /** delivery id → webhook. */
  deliveryWebhooks: Table<string>;
  /** `service|delivery id` of those that wait or deploy → delivery id. */
  openDeliveries: Table<string>;
  /** delivery id → itself, of those whose commit is to be told something. */
  owedReports: Table<string>;
  /** By which a call is known again → delivery id. */
  deliveryMarks: Table<string>;
  /** `service|build id`. */
  builds: Table<Build>;
  events: Table<ClusterEvent>;
  meta: Table<unknown>;
}

export function openTables(env: Environment): Tables {
  return {
    services: env.table('services'),
    releases: env.table('releases'),
    rollouts: env.table('rollouts'),
    activeRollouts: env.table('active-rollouts'),
    rolloutServices: env.table('rollout-services'),
    allocations: env.table('allocations'),
    allocationsByNode: env.table('allocations-by-node'),
    nodes: env.table('nodes'),
    assignmentMarks: env.table('assignment-marks'),
    certificates: env.table('certificates'),
    ownCertificates: env.table('own-certificates'),
    acme: env.table('acme'),
    tokens: env.table('tokens'),
    audit: env.table('audit'),
    joinTokens: env.table('join-tokens'),
    identities: env.table('identities'),
    secrets: env.table('secrets'),
    addresses: env.table('addresses'),
    webhooks: env.table('webhooks'),
    deliveries: env.table('deliveries'),
    deliveryWebhooks: env.table('delivery-webhooks'),
    openDeliveries: env.table('open-deliveries'),
    owedReports: env.table('owed-reports'),
    deliveryMarks: env.table('delivery-marks'),
    builds: env.table('builds'),
    events: env.table('events'),
    meta: env.table('meta'),
  };
}

/** Numbers in keys are padded, so that the order of the keys is the order of the numbers. */
export const padded = (number: number): string => String(number).padStart(12, '0');
export const releaseKey = (service: string, number: number): string => `${service}|${padded(number)}`;
export const rolloutKey = (service: string, id: string): string => `${service}|${id}`;
export const buildKey = (service: string, id: string): string => `${service}|${id}`;
export const deliveryKey = (webhook: string, id: string): string => `${webhook}|${id}`;
export type DeliveryMark = string;
export const remoteMark = (webhook: string, remoteId: string): DeliveryMark => `${webhook}|id:${remoteId}`;
export const digestMark = (webhook: string, digest: string): DeliveryMark => `${webhook}|body:${digest}`;
export const byNodeKey = (node: string, allocation: string): string => `${node}|${allocation}`;
/** Allocation ids are `<project>.<service>.<n>`. */
export const allocationPrefix = (service: string): string => `${service.replace('/', '.')}.`;
