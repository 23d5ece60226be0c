/**
 * The conversation between master and agent, over one WebSocket at `/agent` with mutual TLS. Version 2.
 *
 * Rules: the agent speaks first (`hello`). The master answers with its complete `assignment`; every later one is
 * complete too and carries a greater revision. The agent answers each with a `receipt` at once (accepted, or refused as
 * older); what came of it shows in `status`, which is complete, numbered, and sent again until a `status-receipt`
 * names its number or a newer one. Both sides send `ping` and answer `pong` on this channel, and close after
 * `LIVENESS_MS` of silence. A master that may know less than the agent asks `recall`, of agents that say they can, and is
 * answered with one `recalled` of that id. `figures` are counted up and complete, so that a lost one is made good by the next. `logs-*` messages are a
 * side stream, keyed by the id the master chose. Unknown fields are dropped; an unknown type, or a message that does not fit its schema, closes the session with a code of `close-codes`.
 */
import * as z from 'zod';
import { amount, line, listOf, moment, name, reason, share, span } from './bounds.js';
import { buildObservedSchema, buildOrderSchema } from './build.js';
import { carryObservedSchema, carrySchema, registryAuthSchema, relayOpenSchema } from './carry.js';
import { cleanedSchema, cleanupSchema } from './cleanup.js';
import { discoveryObservedSchema } from './discovery-observed.js';
import { figuresSchema } from './figures.js';
import { shapeObservedSchema } from './shape.js';
import { readSourceSchema, sourceReadSchema } from './sources.js';
import { containerSpecSchema } from './spec.js';
import { upgradeObservedSchema, upgradeSchema } from './upgrade.js';

export const PROTOCOL_VERSION = 2;
export const HEARTBEAT_MS = 5_000;
export const LIVENESS_MS = 15_000;
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** `job`: runs once before a rollout (`pre_deploy`), is never routed and never replaced. */
export const groupSchema = z.enum(['stable', 'canary', 'job']);
export type Group = z.infer<typeof groupSchema>;

export const endpointSchema = z.object({ address: name, port: z.number().int() });
/** Where the ingress reaches an allocation: the node's address and the published port. */
export type Endpoint = z.infer<typeof endpointSchema>;

/* ---- master → agent ------------------------------------------------------------------------------------------ */

/** One copy of one release on this node. `onExit`: while a rollout judges the release an exit is only reported;
 *  afterwards the agent replaces the dead container by itself, with back-off, also while the master is away. */
export const allocationAssignmentSchema = z.object({
  id: name,
  project: name,
  service: name,
  slot: z.number().int(),
  group: groupSchema,
  release: z.number().int(),
  desired: z.enum(['running', 'stopped']),
  onExit: z.enum(['report', 'replace']),
  stopGraceMs: span,
  /** The image id that the release resolved to; the container is made from this, never from a tag that may move. */
  imageId: name,
  container: containerSpecSchema,
  origin: z.record(z.string(), z.unknown()).optional(), // for a master that lost its store (`master/plan/origin`); absent: an older one's
});
export type AllocationAssignment = z.infer<typeof allocationAssignmentSchema>;

/** An image that a rollout wants resolved on this node before it places anything. `id` is the rollout's. */
export const imageWantSchema = z.object({
  id: name,
  ref: name,
  pull: z.enum(['always', 'never', 'if-not-present']),
  /** That very image, whatever `ref` names by now; null: the one that it names. */
  imageId: name.nullable().default(null),
  build: buildOrderSchema.optional(), // how it is made here; absent: it is found or pulled
});
export type ImageWant = z.infer<typeof imageWantSchema>;

/** An image that history may need again: the agent keeps the tag on it, so that pruning dangling images spares it. */
export const imageKeepSchema = z.object({ imageId: name, tag: name });
export type ImageKeep = z.infer<typeof imageKeepSchema>;

export const assignmentSchema = z.object({
  type: z.literal('assignment'),
  cluster: name,
  revision: z.number().int(),
  allocations: listOf(allocationAssignmentSchema),
  images: listOf(imageWantSchema),
  keep: listOf(imageKeepSchema),
  /** What the ingress role of this node serves; decoded by `proxy-config/route`. Null: no ingress here. */
  ingress: z.record(z.string(), z.unknown()).nullable(),
  /** The names that containers here may use; decoded by `discovery/table`. Absent: a master that does not know of names. */
  discovery: z.record(z.string(), z.unknown()).optional(),
  /** Of the node itself, kept for the master as `origin` is; absent from an older master. */
  node: z.object({ labels: z.record(z.string(), z.string()), cordoned: z.boolean() }).optional(),
  /** What its allocations need of secrets, by the id of the value: the value, or why there is none. Absent: nothing. */
  secrets: z
    .record(z.string(), z.object({ value: z.string().nullable(), reason: z.string().nullable() }))
    .optional(),
  /** When it was made: of two nodes' assignments the newer one knows better what is in force of a service. */
  madeAtMs: moment.optional(),
  /** By service: the number that its next allocation gets; kept for the master, and no reason for a new assignment. */
  counters: z.record(z.string(), z.number().int()).optional(),
  /** Of images that no registry has. Absent: nothing, or an older master's. */
  carry: carrySchema.optional(),
  /** By registry: who pulls there, or why that is not known. In memory only. Absent: nothing is known. */
  registries: z.record(z.string(), registryAuthSchema).optional(),
});
export type Assignment = z.infer<typeof assignmentSchema>;
export type SentSecrets = NonNullable<Assignment['secrets']>;

export const masterMessageSchema = z.discriminatedUnion('type', [
  assignmentSchema,
  z.object({ type: z.literal('status-receipt'), number: z.number().int() }),
  z.object({
    type: z.literal('logs-open'),
    id: z.string(),
    allocation: z.string(),
    tail: z.number().int().nullable(),
    sinceMs: moment.nullable(),
    follow: z.boolean(),
  }),
  z.object({ type: z.literal('logs-close'), id: z.string() }),
  /** What runs on this node, and what the agent remembers; asked only of agents whose facts say `recalls`. */
  z.object({ type: z.literal('recall'), id: z.string(), cluster: z.string() }),
  upgradeSchema,
  /** Only to agents whose facts say `carries`. */
  relayOpenSchema,
  cleanupSchema, // asked only of agents whose facts say `builds`
  readSourceSchema,
  z.object({ type: z.literal('ping'), number: z.number().int() }),
  z.object({ type: z.literal('pong'), number: z.number().int() }),
]);
export type MasterMessage = z.infer<typeof masterMessageSchema>;

/* ---- agent → master ------------------------------------------------------------------------------------------ */

/** What an allocation was seen to be. Every state but `ready` and `gone` has a reason a person can read. */
export const allocationStateSchema = z.enum([
  'pending', // known here, nothing done yet (waiting on its image, back-off, Docker…; the reason says which)
  'pulling',
  'starting', // its container runs, readiness has not passed yet
  'ready',
  'unready', // was ready, readiness fails now; still running
  'stopping',
  'exited', // its container ended by itself and is not replaced (onExit = report)
  'failed', // it can't be made: image missing, port taken, bad mount…
  'gone', // stopped as asked; no container of it is left
]);
export type AllocationState = z.infer<typeof allocationStateSchema>;

export const allocationObservedSchema = z.object({
  id: name,
  state: allocationStateSchema,
  reason: reason.nullable(),
  /** When it entered this state, ms since the epoch on the node's clock. */
  sinceMs: moment,
  restarts: z.number().int(),
  exitCode: z.number().int().nullable(),
  /** The last 20 log lines; only after an exit or a failed start, else empty. */
  lastLogs: listOf(line, 1_000),
  endpoint: endpointSchema.nullable(),
  containerId: name.nullable(),
});
export type AllocationObserved = z.infer<typeof allocationObservedSchema>;

export const imageObservedSchema = z.object({
  id: name,
  state: z.enum(['pulling', 'ready', 'failed']),
  percent: share.nullable(),
  imageId: name.nullable(),
  /** `repo@sha256:…` where a registry knows it, else null. */
  digest: name.nullable(),
  reason: reason.nullable(),
  build: buildObservedSchema.optional(),
});
export type ImageObserved = z.infer<typeof imageObservedSchema>;

/** What the ingress saw of an allocation: `routed` = published, in Caddy's config, and one refresh has passed since;
 *  `drained` = out of the records, one refresh has passed since, and then nothing in flight three times in a row. */
export const trafficSchema = z.object({
  allocation: name,
  state: z.enum(['pending', 'routed', 'draining', 'drained']),
  inFlight: z.number().int(),
  reason: reason.nullable(),
});
export type Traffic = z.infer<typeof trafficSchema>;

export const ingressObservedSchema = z.object({
  /** The assignment revision whose routes this speaks of. */
  revision: z.number().int(),
  caddy: z.enum(['running', 'starting', 'down']),
  caddyVersion: name.nullable(),
  resolver: z.enum(['running', 'down']),
  reason: reason.nullable(),
  traffic: listOf(trafficSchema),
  /** Percent that the canary of a service gets, once it is in force: published, and one refresh has passed since. */
  weights: listOf(z.object({ service: name, canaryWeight: share })),
  shapes: listOf(shapeObservedSchema).optional(), // all that it serves; absent: an older agent
});
export type IngressObserved = z.infer<typeof ingressObservedSchema>;

/** What is shown with every event of a node. */
const shortText = z.string().max(255);

export const nodeFactsSchema = z.object({
  name: shortText,
  address: shortText,
  version: shortText,
  os: shortText,
  arch: shortText,
  cpus: amount,
  memoryBytes: amount,
  pid: z.number().int(),
  /** It answers `recall`; absent: an older agent, which does not know that message. */
  recalls: z.boolean().optional(),
  /** It puts secrets in place of their references; absent: an older agent, which would leave these as they are. */
  secrets: z.boolean().optional(),
  /** As an ingress it serves `http_only`; absent: an older agent, which would send those clients to HTTPS. */
  httpOnly: z.boolean().optional(),
  /** It builds from source; absent: an older agent, or a host without git. */
  builds: z.boolean().optional(),
  /** It reads files of repositories (`shared/sources`); absent: an older agent, or a host without git. */
  reads: z.boolean().optional(),
  /** It shuts containers in as their services say; absent: an older agent, which would leave that out. */
  confines: z.boolean().optional(),
  /** It can replace itself, and runs from a program of this name; absent: it can't, or does not know how. */
  program: shortText.optional(),
  /** It carries images that no registry has (`shared/carry`); absent: an older agent. */
  carries: z.boolean().optional(),
});
export type NodeFacts = z.infer<typeof nodeFactsSchema>;

export const engineObservedSchema = z.object({
  state: z.enum(['up', 'down']),
  version: name.nullable(),
  apiVersion: name.nullable(),
  reason: reason.nullable(),
});
export type EngineObserved = z.infer<typeof engineObservedSchema>;

export const statusSchema = z.object({
  type: z.literal('status'),
  number: z.number().int(),
  /** The newest assignment that this status was made under; 0: none yet. */
  revision: z.number().int(),
  observedAtMs: moment,
  engine: engineObservedSchema,
  /** Why the agent's files can't be written (a full disk), while it goes on from memory; absent or null: they are. */
  disk: reason.nullable().optional(),
  allocations: listOf(allocationObservedSchema),
  images: listOf(imageObservedSchema),
  ingress: ingressObservedSchema.nullable(),
  discovery: discoveryObservedSchema.nullable().optional(),
  upgrade: upgradeObservedSchema.nullable().optional(),
  carry: carryObservedSchema.optional(),
});
export type Status = z.infer<typeof statusSchema>;

/** Everything that an agent can say of what it runs: from its disk, or else from the labels of containers. */
export const recalledSchema = z.object({
  type: z.literal('recalled'),
  id: name,
  /** Why the answer is not whole; null: it is. */
  problem: reason.nullable(),
  /** Of this cluster; null: none is remembered. */
  assignment: assignmentSchema.nullable(),
  /** All of the cluster's, whoever wants them; `allocation` is empty when its labels can't be read. */
  containers: listOf(z.object({ id: name, allocation: name, isAlive: z.boolean() })),
  /** Made of labels, for containers that run while no assignment is remembered. */
  labelled: listOf(allocationAssignmentSchema),
  observed: listOf(allocationObservedSchema),
});
export type Recalled = z.infer<typeof recalledSchema>;

export const agentMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.number().int(),
    facts: nodeFactsSchema,
    /** The revision of the assignment this agent remembers (0: none). The master goes on above it. */
    revision: z.number().int(),
  }),
  z.object({
    type: z.literal('receipt'),
    revision: z.number().int(),
    accepted: z.boolean(),
    reason: reason.nullable(),
  }),
  statusSchema,
  z.object({
    type: z.literal('figures'),
    /** Changes when counting begins anew (the agent was started again): differences to an earlier one say nothing. */
    epoch: name,
    figures: listOf(figuresSchema),
  }),
  z.object({
    type: z.literal('logs-lines'),
    id: name,
    lines: listOf(z.object({ atMs: moment, stream: z.enum(['stdout', 'stderr']), text: line })),
  }),
  z.object({ type: z.literal('logs-end'), id: name, reason: reason.nullable() }),
  recalledSchema,
  cleanedSchema,
  sourceReadSchema,
  z.object({ type: z.literal('ping'), number: z.number().int() }),
  z.object({ type: z.literal('pong'), number: z.number().int() }),
]);
export type AgentMessage = z.infer<typeof agentMessageSchema>;
export type LogLine = Extract<AgentMessage, { type: 'logs-lines' }>['lines'][number];
