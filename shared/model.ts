/**
 * The nouns of Orca as the master keeps them (see docs/glossary.md for the words). One writer per field: users write
 * specs, the planner writes what is desired, agents write what is observed.
 */

import type { WantedCommit } from './build.js';
import type { CarryObserved } from './carry.js';
import type { DiscoveryObserved } from './discovery-observed.js';
import type { Figures } from './figures.js';
import type { Act, JobRecord, RequestSource, Verdict } from './model-life.js';
import type {
  AllocationObserved,
  EngineObserved,
  Group,
  ImageObserved,
  IngressObserved,
  NodeFacts,
} from './protocol.js';
import type { ServiceKey, ServiceSpec } from './spec.js';
import type { UpgradeObserved } from './upgrade.js';

/** What is in force of a service as a whole: where it is served, how many copies, how it is deployed. */
export interface Settings {
  spec: ServiceSpec;
  /** Wanted copies: the spec's, or what `orca scale` said since. */
  replicas: number;
}

/** A service as it is in force. What a deploy asks for stands in its rollout, and comes into force with it. */
export interface Service extends Settings {
  key: ServiceKey;
  project: string;
  name: string;
  /** `removed`: retire everything, then forget the service. */
  desired: 'running' | 'stopped' | 'removed';
  /** Not null: the ingress answers 503 with `message`, and the containers go on. */
  maintenance: { message: string; by: string; sinceMs: number } | null;
  /** The webhook of the infrastructure repository that deployed it last; absent: none did. */
  managedBy?: string;
  planned: Planned;
  createdAtMs: number;
  updatedAtMs: number;
}

/** What the planner alone writes of a service. */
export interface Planned {
  /** The release that serves; null until a first rollout has succeeded. */
  stable: number | null;
  /** After a failure that was not rolled back (`auto_rollback = false`): healthy allocations of it may stay. */
  tolerated: number | null;
  /** What served before the newest successful deploy: kept, and where `orca rollback` goes. Absent: nothing did, or none is known. */
  previous?: number | null;
  /** Percent of the traffic that the canary group is given. */
  canaryWeight: number;
  /** The numbers the next release and the next allocation get. */
  nextRelease: number;
  nextAllocation: number;
  lastFailure: Failure | null;
  /** What is waited on, a sentence each; empty when everything is as asked for. */
  waits: string[];
}

export interface Failure {
  reason: string;
  /** What happened, in a sentence, with what to do next. */
  message: string;
  exitCode: number | null;
  restartCount: number;
  lastLogs: string[];
  observedAtMs: number;
}

/** The image a release resolved to: `id` on the engine, `digest` where a registry knows it. */
export interface ResolvedImage {
  ref: string;
  id: string;
  digest: string | null;
  /** The node that had it, for what no registry has; absent: a registry has it, or nobody knows. */
  node?: string;
}

/** An immutable numbered copy of a spec with the image it resolved to. */
export interface Release {
  service: ServiceKey;
  number: number;
  spec: ServiceSpec;
  image: ResolvedImage;
  /** Of the container part of the spec and the image id: equal means nothing to roll. */
  fingerprint: string;
  createdAtMs: number;
  /** What it was built from, and where. Absent: it was not built here. */
  built?: { build: string; commit: string; node: string };
}

export type RolloutState =
  | 'preparing' // the image is being resolved on a node
  | 'pre_deploy' // its job runs; nothing else was touched
  | 'rolling'
  | 'canary' // its group gets a share of the traffic beside stable
  | 'promoting' // the canary grows to full size, takes all, and stable goes
  | 'rolling_back' // a failure after something was replaced: going back to `from`
  | 'succeeded'
  | 'failed'
  | 'superseded'; // a newer deploy, stop or removal took its place

export interface Rollout {
  id: string;
  service: ServiceKey;
  kind: 'deploy' | 'redeploy' | 'rollback';
  state: RolloutState;
  /** What it waits for, why it failed, or what came of it. Never null while it is not moving. */
  reason: string | null;
  /** What it brings: in force from when the image is resolved and the pre_deploy job is done. For a rollback: the
   *  stored release's container. */
  spec: ServiceSpec;
  /** Null while preparing, and for a no-op. */
  release: number | null;
  from: number | null;
  /** The release of the canary whose place it took when it began; null: there was none. */
  takesBack: number | null;
  /** While it prepares: the rollout that was under way, as it was. That stands, and goes on should this one fail. */
  replaces: Rollout | null;
  /** What was in force before it (or before what it took the place of), which comes back if it fails. Null: nothing
   *  has been changed, or nothing served before. */
  undo: Settings | null;
  /** Where the image is resolved; null before that was chosen. */
  node: string | null;
  by: string;
  source: RequestSource;
  startedAtMs: number;
  /** The progress deadline counts from here: the start, or the last allocation that turned healthy. */
  progressAtMs: number;
  endedAtMs: number | null;
  failure: Failure | null;
  /** Not null: held by a user; it goes on with `orca rollout resume`. */
  paused: { by: string; atMs: number } | null;
  /** Null but for a canary. */
  canary: Canary | null;
  /** What users did to it since it began, oldest first. */
  acts: Act[];
  /** Domains that another service of the same deploy gives up for it: where nobody else has them, they are its own already while it
   *  prepares. Absent: none. */
  inherits?: string[];
  /** What is to be built for it. Absent: nothing is, or the head of the service's branch. */
  commit?: WantedCommit;
  /** A user gave its build up. */
  cancelled?: { by: string; atMs: number };
  /** Its pre_deploy job, once that has ended. Absent: it had none, or it has not. */
  job?: JobRecord;
  /** Its image is on no registry and not on `node`: all nodes are asked for it. Absent: `node` alone is. */
  isSearching?: true;
}

/** The node that the client certificate of a connection proves. */
export interface Peer {
  node: string;
  isExpired: boolean;
  /** Of its certificate, ms. */
  issuedAtMs?: number;
  expiresAtMs?: number;
}

/** Whether allocations of a service are wanted: it runs, or was stopped and a rollout is to start it (null or ended: none). */
export function isWanted({ desired }: Service, rollout: Rollout | null): boolean {
  return desired === 'running' || isStarting({ desired }, rollout);
}

/** A stopped service stays stopped until its rollout has succeeded; then, and only then, it runs. */
export function isStarting({ desired }: Pick<Service, 'desired'>, rollout: Rollout | null): boolean {
  return desired === 'stopped' && rollout !== null && rollout.endedAtMs === null;
}

/** Nothing is touched before the image is resolved and the pre_deploy job is done. */
export function isPreparing({ state }: Pick<Rollout, 'state'>): boolean {
  return state === 'preparing' || state === 'pre_deploy';
}

/** What stands while an open rollout prepares: the one whose place it is to take, if any; later it is itself. */
export function standingOf(open: Rollout | null): Rollout | null {
  return open !== null && isPreparing(open) ? open.replaces : open;
}

/** The rollout that says what runs: while one prepares beside another, that other one. */
export function actingOf(rollout: Rollout | null): Rollout | null {
  return standingOf(rollout) ?? rollout;
}

/** How far a canary has come. The planner writes it; `weight`, `isManual` and `promotedAtMs` are users' requests too. */
export interface Canary {
  /** Wanted allocations of the group. */
  replicas: number;
  /** Percentages, and which of them it stands at. */
  steps: number[];
  step: number;
  /** Percent wanted now: the step's, or what a user set (`isManual`: then no step moves it). */
  weight: number;
  isManual: boolean;
  /** Since when not all of the group serves; null while it is whole. */
  brokenSinceMs: number | null;
  /** Since when every ingress has had this weight in force, ms; null while it has not. */
  inForceSinceMs: number | null;
  /** What was counted when the window under way began; null: none is. */
  window: { sinceMs: number; base: Counted[] } | null;
  badInARow: number;
  /** One a judged window, oldest first; the newest twenty. */
  verdicts: Verdict[];
  /** Set when it is to become stable: by a user, or after the last step. */
  promotedAtMs: number | null;
  /** It has all the traffic, and the stable group is told to go. */
  stableGoes: boolean;
}

/** Figures of a release by where they were counted (`node|epoch`). */
export interface Counted extends Figures {
  source: string;
}

/** What the planner wants of an allocation. It moves forward in this order, but for one that drains and is wanted again. */
export type AllocationDesired = 'running' | 'routed' | 'draining' | 'stopped';

export interface Allocation {
  id: string;
  service: ServiceKey;
  slot: number;
  group: Group;
  release: number;
  node: string;
  desired: AllocationDesired;
  createdAtMs: number;
  /** When its drain began; the drain deadline counts from here. */
  drainingSinceMs: number | null;
  /** Written by dispatch only. Null: no report yet. */
  observed: AllocationObserved | null;
  /** A user asked that it goes to another node (`orca rebalance`). Absent: it stays. */
  isMoving?: true;
  /** Written by dispatch only: how it last ended, also when its successor is up. Absent: it never did. */
  lastExit?: Pick<AllocationObserved, 'exitCode' | 'lastLogs'>;
}

/** `unreachable`: silent for too long, and out of the routes. `lost`: for so long that what it ran is placed elsewhere. */
export type Presence = 'present' | 'unreachable' | 'lost';

/** A drain of a node, as far as it has come. The request makes it, the planner writes the rest. */
export interface NodeDrain {
  by: string;
  sinceMs: number;
  /** The service that is being moved away now; null: none is. */
  service: ServiceKey | null;
  /** What can't leave, and why. */
  blocked: { service: ServiceKey; reason: string }[];
  /** When nothing was left on it; null: something is. */
  doneAtMs: number | null;
}

export interface Node {
  id: string;
  facts: NodeFacts;
  labels: Record<string, string>;
  cordoned: boolean;
  /** What runs on it is moved away, and nothing new comes. Absent or null: it is not drained. */
  drain?: NodeDrain | null;
  /** True for the nodes that run Caddy. */
  ingress: boolean;
  /** Written by dispatch. `connectedAtMs` is null while no session is live; nothing is planned on stale reports. */
  connectedAtMs: number | null;
  /** Since when no session counts (its last word, or the master's start), ms; null while one is live. */
  awaySinceMs: number | null;
  /** Written when its silence is judged (`plan/presence`); `present` again with the first status of a new session. */
  presence: Presence;
  /** True once a status has come in over the live session. */
  reported: boolean;
  lastSeenAtMs: number;
  engine: EngineObserved | null;
  /** Why its agent can't write its files; absent or null: it can. */
  disk?: string | null;
  upgrade?: UpgradeObserved | null;
  /** Of images that no registry has; absent or null: it says nothing of any. */
  carry?: CarryObserved | null;
  images: ImageObserved[];
  ingressObserved: IngressObserved | null;
  /** What it says of names; absent or null: nothing yet. */
  discovery?: DiscoveryObserved | null;
  /** Revision of the newest assignment made for it. */
  revision: number;
}

export interface ClusterEvent {
  number: number;
  atMs: number;
  kind: string;
  service: ServiceKey | null;
  node: string | null;
  rollout: string | null;
  message: string;
}
