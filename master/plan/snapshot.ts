/**
 * What the planner sees and what it answers: plain data. Control reads a snapshot from the store, calls `plan`, and
 * writes the actions in one transaction. Nothing here knows a clock; `nowMs` is an argument.
 */
import type {
  Allocation,
  AllocationDesired,
  ClusterEvent,
  Counted,
  Node,
  Planned,
  Release,
  Rollout,
  Service,
  Settings,
} from '../../shared/model.js';
import type { Group } from '../../shared/protocol.js';

/** All that one service's plan depends on. */
export interface ServiceSnapshot {
  service: Service;
  /** Kept releases, oldest first; always holds `planned.stable` and every release an allocation refers to. */
  releases: Release[];
  /** The one rollout that has not ended, or null. */
  rollout: Rollout | null;
  allocations: Allocation[];
  nodes: NodeView[];
  /** Services of the same project: for `depends_on`. */
  siblings: { name: string; ready: number }[];
  /** What the ingress nodes have counted of it, as far as it is measured. */
  figures: Counted[];
}

/** A node with what others have taken of it already (this service's own allocations not counted). */
export interface NodeView {
  node: Node;
  allocations: number;
  hostPorts: number[];
  memoryBytes: number;
  cpus: number;
}

export type Action =
  | { kind: 'create-allocation'; allocation: Allocation }
  | { kind: 'set-desired'; id: string; desired: AllocationDesired; drainingSinceMs: number | null }
  | { kind: 'set-group'; id: string; group: Group }
  | { kind: 'delete-allocation'; id: string }
  | { kind: 'put-rollout'; rollout: Rollout }
  | { kind: 'put-release'; release: Release }
  | { kind: 'delete-release'; number: number }
  | { kind: 'put-planned'; planned: Planned }
  /** What is in force of the service from now on. */
  | { kind: 'put-settings'; settings: Settings }
  /** A stopped one runs from now on. */
  | { kind: 'start-service' }
  | { kind: 'delete-service' }
  | { kind: 'event'; event: Omit<ClusterEvent, 'number' | 'atMs'> };

export interface Plan {
  /** Applied together, in one transaction. Empty: nothing to do now. */
  actions: Action[];
  /** Why something wanted has not happened yet; shown by `orca status`. */
  waits: string[];
  /** When time alone changes the answer (a deadline, `min_healthy`), ms since the epoch. */
  wakeAtMs: number | null;
}

/** One service with what belongs to it: what assignments and routes are made from. */
export interface ServiceState {
  service: Service;
  /** Kept releases, oldest first. */
  releases: Release[];
  /** The one rollout that has not ended, or null. */
  rollout: Rollout | null;
  allocations: Allocation[];
}

/** A service as a user's request finds it. */
export interface ServiceCurrent extends ServiceState {
  /** Its ended rollouts as far as they are kept, in any order: says which releases ever succeeded. */
  history: Rollout[];
}

/** Who asks, when, and the id that a new rollout gets: all that the planner can't know by itself. */
export interface RequestContext {
  id: string;
  nowMs: number;
  by: string;
  source: Rollout['source'];
}

/** What a request comes to. Written in one transaction: `superseded`, `service`, `rollout`. */
export interface Begun {
  action: 'create' | 'roll' | 'update' | 'none';
  /** `key: old → new`, a line each; the values of env variables are never shown. */
  changes: string[];
  /** The service as it is to be put (equal to what was there for `none`). */
  service: Service;
  /** The rollout to put; null when nothing has to be rolled. */
  rollout: Rollout | null;
  /** The open rollout that this one takes the place of, to be put as ended; null when there was none. */
  superseded: Rollout | null;
  /** The id of the open rollout that already does what was asked; null otherwise. Then `rollout` is that one where the
   *  request changes it, and else nothing needs to be put. */
  following: string | null;
}
