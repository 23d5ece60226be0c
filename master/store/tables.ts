/** Which tables the store has, what each holds, and how its keys are made. */
import type { Allocation, ClusterEvent, Node, Release, Rollout, Service } from '../../shared/model.js';
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
export const FALLBACK_NAME = 'unknown-host.orca.internal';

/** An API token: only its SHA-256 is kept. */
export interface Token {
  hash: string;
  name: string;
  createdAtMs: number;
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
  tokens: Table<Token>;
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
    tokens: env.table('tokens'),
    events: env.table('events'),
    meta: env.table('meta'),
  };
}

/** Numbers in keys are padded, so that the order of the keys is the order of the numbers. */
export const padded = (number: number): string => String(number).padStart(12, '0');
export const releaseKey = (service: string, number: number): string => `${service}|${padded(number)}`;
export const rolloutKey = (service: string, id: string): string => `${service}|${id}`;
export const byNodeKey = (node: string, allocation: string): string => `${node}|${allocation}`;
/** Allocation ids are `<project>.<service>.<n>`. */
export const allocationPrefix = (service: string): string => `${service.replace('/', '.')}.`;
