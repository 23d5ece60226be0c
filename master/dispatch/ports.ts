/** What dispatch is to the rest of the master, and what it asks of it. */
import type { Server } from 'node:https';
import type { Cleaned } from '../../shared/cleanup.js';
import type { Log } from '../../shared/log.js';
import type { Counted, Peer } from '../../shared/model.js';
import type { Assignment, LogLine, NodeFacts, Recalled } from '../../shared/protocol.js';
import type { SourceRead } from '../../shared/sources.js';
import type { Upgrade } from '../../shared/upgrade.js';
import type { Store } from '../store/store.js';
import type { Relay } from './relay.js';
import type { NodeDescription } from './reports.js';
import type { SourceRequest } from './source-reads.js';

export interface LogRequest {
  allocation: string;
  tail: number | null;
  sinceMs: number | null;
  follow: boolean;
}

export interface Dispatch {
  attach(server: Server): void;
  /** Sends the node its newest assignment, if a session is live. */
  assign(node: string, assignment: Assignment): void;
  /** When a live node was last heard, ms since the epoch; null without a session. */
  heardAtMs(node: string): number | null;
  /** Requests in flight on an allocation as its ingress last said; null when nobody says. */
  inFlight(allocation: string): number | null;
  /** What the connected ingresses counted of the releases of a service; kept in memory only, as long as their sessions. */
  figures(service: string): Counted[];
  /** Log lines of an allocation as its agent sends them, until `signal`. Throws NODE_UNREACHABLE without a session. */
  openLogs(node: string, request: LogRequest, signal: AbortSignal): AsyncIterable<LogLine[]>;
  /** Why the identity of a node is in doubt: two agents fight for it; null when none do. */
  conflict(node: string): string | null;
  /** Has a node remove what it has built, but for `keep`. Throws NODE_UNREACHABLE without a session, or an answer in time. */
  cleanup(node: string, request: { isDry: boolean; keep: string[] }): Promise<Cleaned>;
  /** Has a node read files of a repository. Rejects with NODE_UNREACHABLE without a session, or an answer in time. */
  readSource(node: string, request: SourceRequest): Promise<SourceRead>;
  /** What a node's agent says of all that it runs. Throws NODE_UNREACHABLE without a session, or an answer in time. */
  recall(node: string): Promise<Recalled>;
  /** Throws NODE_UNREACHABLE without a session. */
  upgrade(node: string, message: Upgrade): void;
  /** Tells a node that another one waits for it under this id. Throws NODE_UNREACHABLE without a session. */
  relay(node: string, id: string): void;
  /** Ends all sessions. */
  stop(): Promise<void>;
}

export interface DispatchOptions {
  store: Store;
  log: Log;
  cluster: string;
  /** The complete assignment for a node that said hello; `compare`: what it runs has to be known first; null when this
   *  master must not give it one. */
  assignmentFor(
    node: string,
    arrival: { revision: number; canRecall: boolean; isStranger: boolean },
  ): Assignment | 'compare' | null;
  /** The assignment for a node whose answer to `compare` has come. */
  compared(node: string, recalled: Recalled): Assignment | null;
  /** What a node that was removed is told last; null: nothing. */
  farewell?(node: string): Assignment | null;
  /** What the configuration says of a node that is new here. */
  describeNode(node: string, facts: NodeFacts): NodeDescription;
  /** The master's own node. */
  isLocal(node: string): boolean;
  /** Which node the client certificate of a socket proves. */
  peer(socket: unknown): Peer | null;
  /** Takes connections between nodes; absent: there are none. */
  relay?: Relay;
  /** Called with the services whose figures have changed. */
  onFigures?(services: string[]): void;
  /** Of sessions that begin from now on. */
  timing?: () => { heartbeatMs: number; livenessMs: number };
}
