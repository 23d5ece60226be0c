/**
 * The keys of one `[[service]]` as files and API bodies write them: names, types and ranges. Unknown keys are refused.
 * Keys of the Rust Orca (0.3) that still mean something stand in a group of their own; `normalize` merges them.
 */
import * as z from 'zod';
import { build } from './build-schema.js';
import { confinementKeys, pidsLimit } from './confinement.js';
import {
  absolutePath,
  alias,
  anyText,
  dnsLabel,
  domain,
  env,
  extraPort,
  fileMode,
  imageRef,
  labels,
  memory,
  mount,
  nonEmpty,
  port,
  probePath,
  routePattern,
  seconds,
  secretName,
  text,
  volumeName,
  words,
} from './fields.js';
import { hsts } from './hsts.js';
import { list, most, shown, tableOf } from './limits.js';

const someWords = words.refine((value) => value.length > 0, { error: 'must not be empty' });

const probe = z.strictObject({
  path: probePath.optional(),
  tcp: z.boolean().optional(),
  command: someWords.optional(),
  port: port.optional(),
  interval_secs: seconds(0.1).optional(),
  timeout_secs: seconds(0.1).optional(),
  failure_threshold: z.number().int().min(1).max(1_000).optional(),
  initial_delay_secs: seconds(0).optional(),
});

const percent = z.number().int().min(0).max(100);

const analysis = z.strictObject({
  max_error_rate: z.number().min(0).max(100).optional(),
  max_error_ratio: z.number().gt(0).max(1_000).optional(),
  max_p95_ms: z.number().gt(0).max(600_000).optional(),
  max_p95_ratio: z.number().gt(0).max(1_000).optional(),
  min_requests: z.number().int().min(1).max(1_000_000).optional(),
  failure_threshold: z.number().int().min(1).max(1_000).optional(),
});

const deploy = z.strictObject({
  strategy: z.enum(['rolling', 'canary']).optional(),
  max_unavailable: z.number().int().min(0).max(1_000).optional(),
  max_surge: z.number().int().min(0).max(1_000).optional(),
  canary_weight: percent.optional(),
  canary_replicas: z.number().int().min(1).max(1_000).optional(),
  canary_steps: list(percent, 100)
    .refine((value) => value.length > 0, { error: 'must not be empty' })
    .optional(),
  step_secs: seconds(1).optional(),
  auto_promote: z.boolean().optional(),
  analysis: analysis.optional(),
  sticky: z.boolean().optional(),
  group_header: z.boolean().optional(),
  pre_deploy: words.optional(),
  pre_deploy_timeout_secs: seconds(1).optional(),
  min_healthy_secs: seconds(0).optional(),
  drain_timeout_secs: seconds(0).optional(),
  stop_grace_secs: seconds(0).optional(),
  progress_deadline_secs: seconds(1).optional(),
  auto_rollback: z.boolean().optional(),
  preview_replicas: z.number().int().min(1).max(100).optional(),
});

/** Of the Rust Orca. `restart_policy`, `network` and a volume's `size` have nothing left to say and are documented so. */
const rust = {
  runtime: text((value) =>
    value === 'container'
      ? null
      : `${shown(value)} is not run here; package the program as a container image and set image`,
  ).optional(),
  cmd: words.optional(),
  pull_policy: z.enum(['auto', 'always', 'never', 'ifnotpresent', 'if-not-present']).optional(),
  volume: z.strictObject({ path: absolutePath, size: anyText.optional() }).optional(),
  host_port: port.optional(),
  network: anyText.optional(),
  strip_prefix: routePattern.optional(),
  restart_policy: z
    .union([
      tableOf(anyText, z.unknown(), most.labels),
      text((value) =>
        /^(always|on-?failure|unless-stopped)$/i.test(value)
          ? null
          : 'is always "always" here: Orca replaces what exits; run one-off work outside of Orca',
      ),
    ])
    .optional(),
};

export const serviceSchema = z.strictObject({
  name: dnsLabel,
  project: dnsLabel.optional(),
  image: imageRef.optional(),
  replicas: z.preprocess(
    (value) => (value === 'auto' ? 1 : value),
    z.number().int().min(0).max(1_000).optional(),
  ),
  port: port.optional(),
  domain: domain.optional(),
  domains: list(domain, most.domains).optional(),
  routes: list(routePattern, most.routes).optional(),
  health: probePath.optional(),
  internal: z.boolean().optional(),
  depends_on: list(dnsLabel, most.depends_on).optional(),
  command: words.optional(),
  entrypoint: words.optional(),
  aliases: list(alias, most.aliases).optional(),
  mounts: list(mount, most.mounts).optional(),
  extra_ports: list(extraPort, most.extra_ports).optional(),
  pull: z.enum(['always', 'never', 'if-not-present']).optional(),
  tls_cert: nonEmpty.optional(),
  tls_key: nonEmpty.optional(),
  http_only: z.boolean().optional(),
  hsts,
  ...confinementKeys,
  env: env.optional(),
  secret_files: list(
    z.strictObject({ secret: secretName, path: absolutePath, mode: fileMode.optional() }),
    most.secret_files,
  ).optional(),
  readiness: probe.optional(),
  liveness: probe.optional(),
  resources: z
    .strictObject({
      memory: memory.optional(),
      cpu: z.number().min(0.01).max(1_024).optional(),
      pids_limit: pidsLimit.optional(),
    })
    .optional(),
  deploy: deploy.optional(),
  placement: z.strictObject({ node: nonEmpty.optional(), labels: labels.optional() }).optional(),
  volumes: list(z.strictObject({ name: volumeName, path: absolutePath }), most.volumes).optional(),
  build: build.optional(),
  ...rust,
});

/** One service as it was written, each value checked alone. */
export type ServiceTable = z.output<typeof serviceSchema>;
export type ProbeTable = NonNullable<ServiceTable['readiness']>;
export type DeployTable = NonNullable<ServiceTable['deploy']>;
