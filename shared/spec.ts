/**
 * The normalized specification of a service: what the user asked for, after the file's shorthands are resolved.
 *
 * Files (service.toml, YAML) and API bodies are parsed into this shape by `shared/config`; everything else in Orca
 * reads this shape only. Units stand in the names; every optional thing is `null`, never absent, but for what came later: so
 * what an older master stored and an older agent kept reads as what it meant.
 */
import * as z from 'zod';
import { amount, span } from './bounds.js';
import { previewMarkSchema } from './preview.js';

const probeTiming = {
  intervalMs: span,
  timeoutMs: span,
  failureThreshold: z.number().int(),
  initialDelayMs: span,
};

/** How health is asked. `stays-up`: no question; being up for `forMs` counts as an answer. */
export const probeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('http'), path: z.string(), port: z.number().int(), ...probeTiming }),
  z.object({ kind: z.literal('tcp'), port: z.number().int(), ...probeTiming }),
  z.object({ kind: z.literal('command'), command: z.array(z.string()), ...probeTiming }),
  z.object({ kind: z.literal('stays-up'), forMs: span, ...probeTiming }),
]);
export type Probe = z.infer<typeof probeSchema>;

export const pullPolicySchema = z.enum(['always', 'never', 'if-not-present']);
export type PullPolicy = z.infer<typeof pullPolicySchema>;

/** Where a container is shut in otherwise than by default. Each is absent where it is as by default, so that it is the container that it
 *  was before there were these. Capabilities: without `CAP_`, sorted; `ALL` stands alone. */
export const confinementSchema = z.object({
  capDrop: z.array(z.string()).optional(),
  capAdd: z.array(z.string()).optional(),
  /** Its own file system can't be written to. */
  readOnly: z.literal(true).optional(),
  /** In memory, empty at each start; `sizeBytes` null: as much as Linux gives. */
  tmpfs: z.array(z.object({ path: z.string(), sizeBytes: z.number().int().nullable() })).optional(),
  /** `USER[:GROUP]`; absent: the image's. */
  user: z.string().optional(),
  privileged: z.literal(true).optional(),
  /** Programs may gain rights, such as by setuid. */
  newPrivileges: z.literal(true).optional(),
  /** -1: none. */
  pidsLimit: z.number().int().optional(),
});
export type Confinement = z.infer<typeof confinementSchema>;

/** What a container of a release is made from. Two specs with equal container parts (and image id) are one release. */
export const containerSpecSchema = z.object({
  image: z.string(),
  pull: pullPolicySchema,
  command: z.array(z.string()).nullable(),
  entrypoint: z.array(z.string()).nullable(),
  /** May refer to secrets (`shared/secret-reference`). */
  env: z.record(z.string(), z.string()),
  /** By name, the id of the very value that a release was deployed with. Absent: it refers to none, or nobody has deployed it. */
  secrets: z.record(z.string(), z.string()).optional(),
  /** Secrets that it finds as files, with their permissions. Absent: none. */
  secretFiles: z.array(z.object({ secret: z.string(), path: z.string(), mode: z.number().int() })).optional(),
  /** The port the app listens on inside its container. */
  port: z.number().int().nullable(),
  aliases: z.array(z.string()),
  mounts: z.array(z.object({ source: z.string(), target: z.string(), readOnly: z.boolean() })),
  /** What the cluster allowed mounts in when this was deployed: no link may lead out of it. Absent: nothing was asked then. Not of what
   *  makes a release. */
  mountsWithin: z.array(z.string()).optional(),
  /** `preview`: it goes with the preview that it was made for; absent: it outlives its service. */
  volumes: z.array(z.object({ name: z.string(), path: z.string(), preview: z.literal(true).optional() })),
  extraPorts: z.array(
    z.object({ host: z.number().int(), container: z.number().int(), protocol: z.enum(['tcp', 'udp']) }),
  ),
  resources: z.object({ memoryBytes: z.number().int().nullable(), cpus: amount.nullable() }),
  /** Absent: as by default. */
  confinement: confinementSchema.optional(),
  readiness: probeSchema,
  liveness: probeSchema.nullable(),
});
export type ContainerSpec = z.infer<typeof containerSpecSchema>;

/** Limits that a canary is judged by, from the real traffic of one window; null: not judged by it. */
export const analysisSpecSchema = z.object({
  /** Percent of the canary's requests that may end with 5xx. */
  maxErrorRate: z.number().nullable(),
  /** The canary's error rate over stable's. */
  maxErrorRatio: z.number().nullable(),
  maxP95Ms: span.nullable(),
  /** The canary's 95th percentile over stable's. */
  maxP95Ratio: z.number().nullable(),
  /** Fewer requests of the canary in a window are no evidence. */
  minRequests: z.number().int(),
  /** So many bad windows in a row take the canary back. */
  failureThreshold: z.number().int(),
});
export type AnalysisSpec = z.infer<typeof analysisSpecSchema>;

export const deploySpecSchema = z.object({
  strategy: z.enum(['rolling', 'canary']),
  maxUnavailable: z.number().int(),
  maxSurge: z.number().int(),
  canaryWeight: z.number(),
  canaryReplicas: z.number().int().nullable(),
  /** Percentages that the canary goes through, rising; empty: `canaryWeight` alone. */
  canarySteps: z.array(z.number().int()),
  /** How long each step lasts at least, and the length of a window of the analysis. */
  stepMs: span,
  /** After the last step: promote by itself, or wait for `orca promote`. */
  autoPromote: z.boolean(),
  analysis: analysisSpecSchema.nullable(),
  sticky: z.boolean(),
  /** `X-Orca-Group: canary` (or `stable`) chooses the group. */
  groupHeader: z.boolean(),
  /** Runs once in the new image before anything else of a rollout. */
  preDeploy: z.object({ command: z.array(z.string()), timeoutMs: span }).nullable(),
  minHealthyMs: span,
  drainTimeoutMs: span,
  stopGraceMs: span,
  progressDeadlineMs: span,
  autoRollback: z.boolean(),
  /** Copies of each preview; absent: one. */
  previewReplicas: z.number().int().optional(),
});
export type DeploySpec = z.infer<typeof deploySpecSchema>;

export const buildSpecSchema = z.object({
  repo: z.string(),
  branch: z.string(),
  dockerfile: z.string(),
  context: z.string(),
  deployKey: z.string().nullable(),
  paths: z.array(z.string()),
  args: z.record(z.string(), z.string()),
  /** A secret, as the deploy key is: what an https:// repository asks for. */
  token: z.string().optional(),
  /** By the id that the Dockerfile mounts it with, a secret, as the deploy key is. */
  mounted: z.record(z.string(), z.string()).optional(),
  target: z.string().optional(),
  platform: z.string().optional(),
  insecureHttp: z.boolean().optional(),
  timeoutMs: span.optional(),
  memoryBytes: z.number().int().optional(),
  cpus: amount.optional(),
  /** By name, the ids of the values that it is built with, as a container has them. */
  secrets: z.record(z.string(), z.string()).optional(),
});
export type BuildSpec = z.infer<typeof buildSpecSchema>;

/** What `Strict-Transport-Security` says. */
export const hstsSpecSchema = z.object({
  maxAgeSecs: z.number().int(),
  includeSubdomains: z.boolean(),
  preload: z.boolean(),
});
export type HstsSpec = z.infer<typeof hstsSpecSchema>;

export const serviceSpecSchema = z.object({
  project: z.string(),
  name: z.string(),
  replicas: z.number().int(),
  container: containerSpecSchema,
  /** Names under which the ingress serves it; empty: not routed. */
  domains: z.array(z.string()),
  /** Path patterns of Caddy's path matcher, such as `/*` or `/api/*`. */
  routes: z.array(z.string()),
  stripPrefix: z.string().nullable(),
  internal: z.boolean(),
  /** Names of services of the same project that must be ready first. */
  dependsOn: z.array(z.string()),
  tls: z.object({ cert: z.string(), key: z.string() }).nullable(),
  /** Served on the HTTP port alone, for a TLS proxy in front; absent: over HTTPS. */
  httpOnly: z.boolean().optional(),
  /** Absent: no such header. */
  hsts: hstsSpecSchema.optional(),
  deploy: deploySpecSchema,
  placement: z.object({ node: z.string().nullable(), labels: z.record(z.string(), z.string()) }),
  build: buildSpecSchema.nullable(),
  /** Absent: it is what somebody deployed; else a copy that a pull request made. */
  preview: previewMarkSchema.optional(),
});
export type ServiceSpec = z.infer<typeof serviceSpecSchema>;

/** `project/name`: the key of a service in the store, on the wire and in labels. */
export type ServiceKey = string;

export function serviceKey(project: string, name: string): ServiceKey {
  return `${project}/${name}`;
}

/** True when the ingress routes to this service; otherwise `routed` and `drained` are facts from the start. */
export function isRouted(spec: Pick<ServiceSpec, 'domains' | 'internal' | 'container'>): boolean {
  return !spec.internal && spec.domains.length > 0 && spec.container.port !== null;
}
