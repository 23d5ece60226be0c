/**
 * From the keys of a file to the one shape the rest of Orca reads: shorthands resolved, older names merged, defaults
 * filled in. Total: what it gets has been checked.
 */

import type { AnalysisSpec, ContainerSpec, DeploySpec, Probe, PullPolicy, ServiceSpec } from '../spec.js';
import { buildOf } from './build-schema.js';
import { confinementOf } from './confinement.js';
import type { DeployTable, ProbeTable, ServiceTable } from './service-schema.js';

/** How long a container without a port and without a probe must stay up before it counts as ready. */
const STAYS_UP_MS = 5_000;
/** Counts when an analysis names no limit of its own. */
const MAX_ERROR_RATE = 1;

/** The normalized specification; `project` is where the file stands unless the table names one. */
export function normalize(table: ServiceTable, project: string): ServiceSpec {
  const home = table.project ?? project;
  return {
    project: home,
    name: table.name,
    replicas: table.replicas ?? 1,
    container: containerOf(table, home),
    domains: table.domains?.length ? table.domains : table.domain === undefined ? [] : [table.domain],
    routes: table.routes?.length ? [...new Set(table.routes)] : ['/*'],
    stripPrefix: stripPrefixOf(table.strip_prefix),
    internal: table.internal ?? false,
    dependsOn: [...new Set(table.depends_on ?? [])],
    tls: table.tls_cert && table.tls_key ? { cert: table.tls_cert, key: table.tls_key } : null,
    ...(table.http_only ? { httpOnly: true } : {}),
    ...(table.hsts ? { hsts: table.hsts } : {}),
    deploy: deployOf(table.deploy ?? {}),
    placement: { node: table.placement?.node ?? null, labels: table.placement?.labels ?? {} },
    build: table.build ? buildOf(table.build) : null,
  };
}

function containerOf(table: ServiceTable, project: string): ContainerSpec {
  const image = table.image ?? `orca.local/${project}/${table.name}:build`;
  const confinement = confinementOf(table);
  return {
    image,
    // What is built is on the node that built it, and in no registry.
    pull: table.build ? 'never' : pullOf(table, image),
    command: listOrNull(table.command) ?? listOrNull(table.cmd),
    entrypoint: listOrNull(table.entrypoint),
    env: table.env ?? {},
    ...secretFilesOf(table),
    port: table.port ?? null,
    aliases: [...new Set(table.aliases ?? [])],
    mounts: table.mounts ?? [],
    volumes: table.volumes?.length
      ? table.volumes
      : table.volume
        ? [{ name: 'data', path: table.volume.path }]
        : [],
    extraPorts: extraPortsOf(table),
    resources: { memoryBytes: table.resources?.memory ?? null, cpus: table.resources?.cpu ?? null },
    ...(confinement === undefined ? {} : { confinement }),
    readiness: readinessOf(table),
    liveness: table.liveness ? probeOf(table.liveness, table.port ?? null, 10_000) : null,
  };
}

/** Absent where there are none: a container without is the one that it was before there were any. */
function secretFilesOf({ secret_files }: ServiceTable): Pick<ContainerSpec, 'secretFiles'> {
  if (!secret_files?.length) return {};
  return {
    secretFiles: secret_files.map(({ secret, path, mode }) => ({ secret, path, mode: mode ?? 0o400 })),
  };
}

/** Docker's own rule: `:latest`, written or meant, moves, so it is pulled each time; a digest never moves. */
function pullOf(table: ServiceTable, image: string): PullPolicy {
  if (table.pull !== undefined) return table.pull;
  const older = table.pull_policy ?? 'auto';
  if (older !== 'auto') return older === 'ifnotpresent' ? 'if-not-present' : older;
  if (image.includes('@')) return 'if-not-present';
  const tag = /:([^/:]+)$/.exec(image)?.[1] ?? 'latest';
  return tag === 'latest' ? 'always' : 'if-not-present';
}

function extraPortsOf(table: ServiceTable): ContainerSpec['extraPorts'] {
  const ports = table.extra_ports ?? [];
  if (table.host_port === undefined || table.port === undefined) return ports;
  return [{ host: table.host_port, container: table.port, protocol: 'tcp' }, ...ports];
}

function readinessOf(table: ServiceTable): Probe {
  const probe = table.readiness ?? {};
  return probeOf(
    table.health === undefined ? probe : { ...probe, path: table.health },
    table.port ?? null,
    1_000,
  );
}

function probeOf(probe: ProbeTable, servicePort: number | null, intervalMs: number): Probe {
  const timing = {
    intervalMs: probe.interval_secs ?? intervalMs,
    timeoutMs: probe.timeout_secs ?? 3_000,
    failureThreshold: probe.failure_threshold ?? 3,
    initialDelayMs: probe.initial_delay_secs ?? 0,
  };
  if (probe.command) return { kind: 'command', command: probe.command, ...timing };
  const port = probe.port ?? servicePort;
  if (port === null) return { kind: 'stays-up', forMs: STAYS_UP_MS, ...timing };
  if (probe.path !== undefined) return { kind: 'http', path: probe.path, port, ...timing };
  return { kind: 'tcp', port, ...timing };
}

function deployOf(deploy: DeployTable): DeploySpec {
  const steps = deploy.canary_steps ?? [];
  return {
    strategy: deploy.strategy ?? 'rolling',
    maxUnavailable: deploy.max_unavailable ?? 1,
    maxSurge: deploy.max_surge ?? 1,
    canaryWeight: deploy.canary_weight ?? 20,
    canaryReplicas: deploy.canary_replicas ?? null,
    canarySteps: steps,
    stepMs: deploy.step_secs ?? 60_000,
    autoPromote: deploy.auto_promote ?? steps.length > 0,
    analysis: deploy.analysis && deploy.strategy === 'canary' ? analysisOf(deploy.analysis) : null,
    sticky: deploy.sticky ?? false,
    groupHeader: deploy.group_header ?? false,
    preDeploy: preDeployOf(deploy),
    minHealthyMs: deploy.min_healthy_secs ?? 0,
    drainTimeoutMs: deploy.drain_timeout_secs ?? 30_000,
    stopGraceMs: deploy.stop_grace_secs ?? 10_000,
    progressDeadlineMs: deploy.progress_deadline_secs ?? 300_000,
    autoRollback: deploy.auto_rollback ?? true,
    ...(deploy.preview_replicas === undefined ? {} : { previewReplicas: deploy.preview_replicas }),
  };
}

function analysisOf(analysis: NonNullable<DeployTable['analysis']>): AnalysisSpec {
  const { max_error_rate, max_error_ratio, max_p95_ms, max_p95_ratio } = analysis;
  const limits = [max_error_rate, max_error_ratio, max_p95_ms, max_p95_ratio];
  const isUnlimited = limits.every((limit) => limit === undefined);
  return {
    maxErrorRate: max_error_rate ?? (isUnlimited ? MAX_ERROR_RATE : null),
    maxErrorRatio: max_error_ratio ?? null,
    maxP95Ms: max_p95_ms ?? null,
    maxP95Ratio: max_p95_ratio ?? null,
    minRequests: analysis.min_requests ?? 50,
    failureThreshold: analysis.failure_threshold ?? 2,
  };
}

function preDeployOf(deploy: DeployTable): DeploySpec['preDeploy'] {
  const command = listOrNull(deploy.pre_deploy);
  return command && { command, timeoutMs: deploy.pre_deploy_timeout_secs ?? 300_000 };
}

function stripPrefixOf(prefix: string | undefined): string | null {
  const bare = prefix?.replace(/\/?\*?$/, '') ?? '';
  return bare === '' ? null : bare;
}

function listOrNull(list: string[] | undefined): string[] | null {
  return list !== undefined && list.length > 0 ? list : null;
}
