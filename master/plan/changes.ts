/** What differs between two specs, in the words of service.toml: `key: old → new`, a line each. The values of env
 *  variables may be secrets and are never shown. */
import { readService } from '../../shared/config/service.js';
import { canonicalJson } from '../../shared/fingerprint.js';
import type { AnalysisSpec, Probe, ServiceSpec } from '../../shared/spec.js';
import { confinementFields } from './confinement-lines.js';
import { hstsHeader } from './hsts.js';

/** The lines for going from `before` to `after`; `before` null: a service that is new. */
export function changesOf(before: ServiceSpec | null, after: ServiceSpec): string[] {
  const lines =
    before === null ? newLines(after) : fields.flatMap(([key, show]) => line(key, show(before), show(after)));
  return [
    ...lines,
    ...envChanges(before?.container.env ?? {}, after.container.env),
    ...secretChanges(before?.container.secrets ?? {}, after.container.secrets ?? {}),
  ];
}

type Show = (spec: ServiceSpec) => string | null;

const fields: readonly (readonly [string, Show])[] = [
  ['image', ({ container }) => container.image],
  ['replicas', ({ replicas }) => String(replicas)],
  [
    'secret_files',
    ({ container }) =>
      list((container.secretFiles ?? []).map((f) => `${f.secret} at ${f.path} (0${f.mode.toString(8)})`)),
  ],
  ['port', ({ container }) => text(container.port)],
  ['domains', ({ domains }) => list(domains)],
  ['routes', ({ routes }) => list(routes)],
  ['strip_prefix', ({ stripPrefix }) => stripPrefix],
  ['internal', ({ internal }) => (internal ? 'true' : null)],
  ['depends_on', ({ dependsOn }) => list(dependsOn)],
  ['command', ({ container }) => container.command && list(container.command)],
  ['entrypoint', ({ container }) => container.entrypoint && list(container.entrypoint)],
  ['aliases', ({ container }) => list(container.aliases)],
  [
    'mounts',
    ({ container }) => list(container.mounts.map((m) => `${m.source}:${m.target}${m.readOnly ? ':ro' : ''}`)),
  ],
  ['volumes', ({ container }) => list(container.volumes.map((v) => `${v.name}:${v.path}`))],
  [
    'extra_ports',
    ({ container }) => list(container.extraPorts.map((p) => `${p.host}:${p.container}/${p.protocol}`)),
  ],
  ['pull', ({ container }) => container.pull],
  ['resources.memory', ({ container }) => bytes(container.resources.memoryBytes)],
  ['resources.cpu', ({ container }) => text(container.resources.cpus)],
  ...confinementFields,
  ['readiness', ({ container }) => probe(container.readiness)],
  ['liveness', ({ container }) => container.liveness && probe(container.liveness)],
  ['tls', ({ tls }) => tls && `${tls.cert}, ${tls.key}`],
  ['http_only', ({ httpOnly }) => (httpOnly ? 'true' : null)],
  ['hsts', ({ hsts }) => (hsts ? hstsHeader(hsts) : null)],
  ['deploy.strategy', ({ deploy }) => deploy.strategy],
  ['deploy.max_unavailable', ({ deploy }) => text(deploy.maxUnavailable)],
  ['deploy.max_surge', ({ deploy }) => text(deploy.maxSurge)],
  ['deploy.canary_weight', ({ deploy }) => text(deploy.canaryWeight)],
  ['deploy.canary_replicas', ({ deploy }) => text(deploy.canaryReplicas)],
  ['deploy.canary_steps', ({ deploy }) => list(deploy.canarySteps.map(String))],
  ['deploy.step_secs', ({ deploy }) => seconds(deploy.stepMs)],
  ['deploy.auto_promote', ({ deploy }) => String(deploy.autoPromote)],
  ['deploy.analysis', ({ deploy }) => deploy.analysis && analysis(deploy.analysis)],
  ['deploy.sticky', ({ deploy }) => String(deploy.sticky)],
  ['deploy.group_header', ({ deploy }) => String(deploy.groupHeader)],
  ['deploy.pre_deploy', ({ deploy }) => deploy.preDeploy && list(deploy.preDeploy.command)],
  ['deploy.pre_deploy_timeout_secs', ({ deploy }) => deploy.preDeploy && seconds(deploy.preDeploy.timeoutMs)],
  ['deploy.min_healthy_secs', ({ deploy }) => seconds(deploy.minHealthyMs)],
  ['deploy.drain_timeout_secs', ({ deploy }) => seconds(deploy.drainTimeoutMs)],
  ['deploy.stop_grace_secs', ({ deploy }) => seconds(deploy.stopGraceMs)],
  ['deploy.progress_deadline_secs', ({ deploy }) => seconds(deploy.progressDeadlineMs)],
  ['deploy.preview_replicas', ({ deploy }) => text(deploy.previewReplicas ?? null)],
  ['deploy.auto_rollback', ({ deploy }) => String(deploy.autoRollback)],
  ['placement.node', ({ placement }) => placement.node],
  [
    'placement.labels',
    ({ placement }) =>
      list(
        Object.entries(placement.labels)
          .map(([k, v]) => `${k}=${v}`)
          .sort(),
      ),
  ],
  ['build', ({ build }) => build && canonicalJson({ ...build, secrets: undefined })],
];

/** A new service names what it says itself: the rest is as it is for any. */
function newLines(spec: ServiceSpec): string[] {
  const { name, project, container } = spec;
  const plain = readService({ name, image: container.image, port: container.port }, project);
  return fields.flatMap(([key, show]) => {
    const isDefault = plain.ok && !alwaysShown.has(key) && show(plain.spec) === show(spec);
    return isDefault ? [] : line(key, null, show(spec));
  });
}

const alwaysShown = new Set(['image', 'replicas', 'port', 'domains']);

function line(key: string, before: string | null, after: string | null): string[] {
  if (before === after) return [];
  return [`${key}: ${before ?? 'none'} → ${after ?? 'none'}`];
}

function envChanges(before: Record<string, string>, after: Record<string, string>): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => {
    if (before[key] === after[key]) return [];
    if (before[key] === undefined) return [`env.${key}: added`];
    return [`env.${key}: ${after[key] === undefined ? 'removed' : 'changed'}`];
  });
}

/** Of those that both refer to: that it has another value now, never which. */
function secretChanges(before: Record<string, string>, after: Record<string, string>): string[] {
  return Object.keys(after)
    .filter((name) => before[name] !== undefined && before[name] !== after[name])
    .sort()
    .map((name) => `secrets.${name}: changed`);
}

function list(values: readonly string[]): string | null {
  return values.length === 0 ? null : values.join(', ');
}

function text(value: number | null): string | null {
  return value === null ? null : String(value);
}

function seconds(ms: number): string {
  return String(ms / 1_000);
}

function bytes(value: number | null): string | null {
  return value === null ? null : `${value / 1024 ** 2} MiB`;
}

function analysis(value: AnalysisSpec): string {
  const limits: [string, number | null][] = [
    ['max_error_rate', value.maxErrorRate],
    ['max_error_ratio', value.maxErrorRatio],
    ['max_p95_ms', value.maxP95Ms],
    ['max_p95_ratio', value.maxP95Ratio],
    ['min_requests', value.minRequests],
    ['failure_threshold', value.failureThreshold],
  ];
  return limits.flatMap(([key, limit]) => (limit === null ? [] : [`${key} ${limit}`])).join(', ');
}

function probe(value: Probe): string {
  const timing = `every ${seconds(value.intervalMs)} s, ${seconds(value.timeoutMs)} s timeout, ${value.failureThreshold} failures, after ${seconds(value.initialDelayMs)} s`;
  switch (value.kind) {
    case 'http':
      return `GET ${value.path} on ${value.port} (${timing})`;
    case 'tcp':
      return `port ${value.port} accepts (${timing})`;
    case 'command':
      return `command ${value.command.join(' ')} (${timing})`;
    case 'stays-up':
      return `stays up ${seconds(value.forMs)} s`;
  }
}
