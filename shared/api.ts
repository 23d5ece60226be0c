/**
 * The bodies of the HTTP API (`/api/v1`), shared by the master's server and the CLI's client. The server validates
 * with these schemas and makes its OpenAPI document from them. Clients of the Rust Orca (0.3) work against it: they
 * send unset options as `null`; answers only ever gain fields.
 */
import * as z from 'zod';
import { pendingSchema } from './api-builds.js';
import {
  actSchema,
  canaryViewSchema,
  jobViewSchema,
  pausedSchema,
  trafficFiguresSchema,
} from './api-canary.js';
import { certificateViewSchema } from './api-certificates.js';
import { drainViewSchema } from './api-nodes.js';
import type { OrcaError } from './errors.js';
import { endpointSchema, groupSchema } from './protocol.js';
import { upgradeObservedSchema } from './upgrade.js';

export const apiErrorSchema = z.object({
  error: z.string(),
  code: z.string(),
  hint: z.string(),
  details: z.unknown().optional(),
});
export type ApiError = z.infer<typeof apiErrorSchema>;

export const failureSchema = z.object({
  reason: z.string(),
  message: z.string(),
  exit_code: z.number().nullable(),
  restart_count: z.number(),
  last_logs: z.array(z.string()),
  observed_at: z.string(),
});

export const rolloutSummarySchema = z.object({
  id: z.string(),
  service: z.string(),
  kind: z.enum(['deploy', 'redeploy', 'rollback']),
  state: z.enum([
    'preparing',
    'pre_deploy',
    'rolling',
    'canary',
    'promoting',
    'rolling_back',
    'succeeded',
    'failed',
    'superseded',
  ]),
  reason: z.string().nullable(),
  release: z.string().nullable(),
  from: z.string().nullable(),
  /** The release of the canary whose place it took. */
  takes_back: z.string().nullable(),
  by: z.string(),
  source: z.string(),
  started_at: z.string(),
  ended_at: z.string().nullable(),
  failure: failureSchema.nullable(),
  /** Who holds it, and since when. */
  paused: pausedSchema.nullable(),
  canary: canaryViewSchema.nullable(),
  /** What users did to it since it began, oldest first. */
  acts: z.array(actSchema),
  /** Null: it has none, or it has not ended. */
  job: jobViewSchema.nullable(),
});
export type RolloutSummary = z.infer<typeof rolloutSummarySchema>;

export const allocationViewSchema = z.object({
  id: z.string(),
  slot: z.number(),
  group: groupSchema,
  release: z.string(),
  node: z.string(),
  /** The observed state, or `placed` before a first report, `draining` while requests finish, `unknown` without its node. */
  state: z.string(),
  reason: z.string().nullable(),
  restarts: z.number(),
  in_flight: z.number().nullable(),
  routed: z.boolean(),
  endpoint: endpointSchema.nullable(),
  exit_code: z.number().nullable(),
  last_logs: z.array(z.string()),
  since: z.string(),
});
export type AllocationView = z.infer<typeof allocationViewSchema>;

const groupViewSchema = z.object({
  release: z.string(),
  /** Percent of the traffic that it was observed to get, and that it should get; why the two differ, null when not. */
  weight: z.number(),
  wanted_weight: z.number(),
  weight_reason: z.string().nullable(),
  ready: z.number(),
  wanted: z.number(),
  /** Null while no ingress counts. */
  traffic: trafficFiguresSchema.nullable(),
});

export const serviceStatusSchema = z.object({
  name: z.string(),
  project: z.string(),
  status: z.enum(['running', 'deploying', 'degraded', 'failed', 'stopped', 'paused']),
  reason: z.string().nullable(),
  image: z.string(),
  runtime: z.literal('container'),
  domain: z.string().nullable(),
  domains: z.array(z.string()),
  url: z.string().nullable(),
  replicas: z.number(),
  desired_replicas: z.number(),
  running_replicas: z.number(),
  release: z.string().nullable(),
  node: z.string().nullable(),
  depends_on: z.array(z.string()),
  rollout: rolloutSummarySchema.nullable(),
  groups: z.object({ stable: groupViewSchema.nullable(), canary: groupViewSchema.nullable() }),
  allocations: z.array(allocationViewSchema),
  last_failure: failureSchema.nullable(),
  /** Not null: every request is answered 503 with this message, and the containers go on. */
  maintenance: z.object({ message: z.string(), by: z.string(), since: z.string() }).nullable(),
  /** Not null: it is a copy that a pull request made, and goes with it, and then at the latest. */
  preview: z
    .object({
      of: z.string(),
      repo: z.string(),
      number: z.number(),
      commit: z.string(),
      webhook: z.string(),
      expires_at: z.string(),
    })
    .nullable(),
  /** Pushes that wait for their deploy, and what is being built for it, oldest first. */
  pending: z.array(pendingSchema),
  observed_at: z.string().nullable(),
});
export type ServiceStatus = z.infer<typeof serviceStatusSchema>;

export const nodeViewSchema = z.object({
  node_id: z.string(),
  name: z.string(),
  address: z.string(),
  state: z.enum(['ready', 'degraded', 'unreachable', 'lost', 'cordoned', 'draining', 'drained']),
  reason: z.string().nullable(),
  version: z.string(),
  engine: z.string().nullable(),
  caddy: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  ingress: z.boolean(),
  drain: z.boolean(),
  /** How far its drain has come; null: it is not drained. */
  drain_status: drainViewSchema.nullable(),
  /** What its agent runs from, where it can replace itself. */
  program: z.string().nullable(),
  /** Null: no upgrade is under way, and the last one did not fail. */
  upgrade: upgradeObservedSchema.nullable(),
  cpus: z.number(),
  memory_bytes: z.number(),
  allocations: z.number(),
  last_heartbeat: z.string(),
  /** Of its newest client certificate, which the agent renews by itself. */
  certificate_expires_at: z.string().nullable(),
});
export type NodeStatus = z.infer<typeof nodeViewSchema>;

export const statusReplySchema = z.object({
  /** The label `orca.cluster` of every container, network and volume of this cluster. */
  cluster_id: z.string(),
  cluster_name: z.string(),
  version: z.string(),
  services: z.array(serviceStatusSchema),
  nodes: z.array(nodeViewSchema),
  certificates: z.array(certificateViewSchema),
  observed_at: z.string(),
});
export type StatusReply = z.infer<typeof statusReplySchema>;

export const deployReplySchema = z.object({
  /** Names accepted (or running, with `?wait=`). */
  deployed: z.array(z.string()),
  errors: z.array(z.object({ service: z.string(), error: z.string(), code: z.string(), hint: z.string() })),
  /** One a service whose rollout was begun; a service that only changed in place, or not at all, has `id` null. */
  rollouts: z.array(z.object({ service: z.string(), id: z.string().nullable(), change: z.string() })),
  /** What whoever deploys should know, a sentence each. Absent: nothing. */
  notes: z.array(z.string()).optional(),
});
export type DeployReply = z.infer<typeof deployReplySchema>;

/** One service of `POST /plan` (what `deploy --dry-run` and `diff` print): what would change and in which order. */
export const planReplySchema = z.object({
  services: z.array(
    z.object({
      service: z.string(),
      action: z.enum(['create', 'roll', 'update', 'none', 'refused']),
      /** `key: old → new`, a line each. */
      changes: z.array(z.string()),
      /** The steps in words, such as "start-first, 1 at a time: …" or why it is stop-first. */
      steps: z.array(z.string()),
      /** Why it is refused, as an error of the table; null for every other action. */
      error: z.string().nullable(),
      code: z.string().nullable(),
      hint: z.string().nullable(),
    }),
  ),
});
export type PlanReply = z.infer<typeof planReplySchema>;

/** The plan of a service that a deploy would refuse with `error`. */
export function refusedPlan(service: string, error: OrcaError): PlanReply['services'][number] {
  const { message, code, hint } = error;
  return { service, action: 'refused', changes: [], steps: [], error: message, code, hint };
}

export const historyReplySchema = z.object({
  service: z.string(),
  releases: z.array(
    z.object({
      release: z.string(),
      image: z.string(),
      digest: z.string(),
      created_at: z.string(),
      stable: z.boolean(),
    }),
  ),
  rollouts: z.array(rolloutSummarySchema),
});
export type HistoryReply = z.infer<typeof historyReplySchema>;

export const eventSchema = z.object({
  number: z.number(),
  at: z.string(),
  kind: z.string(),
  service: z.string().nullable(),
  node: z.string().nullable(),
  rollout: z.string().nullable(),
  message: z.string(),
});
export type ApiEvent = z.infer<typeof eventSchema>;

/** A line of `GET /rollouts/{id}?follow=true` (newline-delimited JSON): the rollout with its service, as it changes. */
export const rolloutFrameSchema = z.object({
  rollout: rolloutSummarySchema,
  service: serviceStatusSchema.nullable(),
});
export type RolloutFrame = z.infer<typeof rolloutFrameSchema>;

/** A line of `GET /services/{name}/logs` (newline-delimited JSON). */
export const logFrameSchema = z.object({
  at: z.string(),
  allocation: z.string(),
  stream: z.enum(['stdout', 'stderr']),
  text: z.string(),
});
export type LogFrame = z.infer<typeof logFrameSchema>;

/** `degraded`: it answers, and what runs goes on, but nothing can be decided for `reason`. */
export const healthSchema = z.object({
  status: z.enum(['ok', 'degraded']),
  reason: z.string().nullable(),
  version: z.string(),
});
export type Health = z.infer<typeof healthSchema>;

export const clusterInfoSchema = z.object({
  /** The label `orca.cluster` of every container, network and volume of this cluster. */
  cluster_id: z.string(),
  cluster_name: z.string(),
  domain: z.string().nullable(),
  acme_email: z.string().nullable(),
  version: z.string(),
  node_count: z.number(),
  nodes: z.array(nodeViewSchema),
});
export type ClusterInfo = z.infer<typeof clusterInfoSchema>;
