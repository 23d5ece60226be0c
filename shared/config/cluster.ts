/**
 * Reads cluster.toml: the settings of the master that its flags and `ORCA_*` variables may override. What is not
 * written is null, so that whoever starts the master can tell "unset" from a choice.
 */
import * as z from 'zod';
import { formatDuration } from '../duration.js';
import type { SecurityRules } from '../permit.js';
import { LIVENESS_MS } from '../protocol.js';
import { type AcmeConfig, acmeConfigOf, acmeSchema, checkAcme } from './acme.js';
import { addressRangeProblem } from './address-range.js';
import { checkNodes } from './check-nodes.js';
import { accessKeys, type ConfigToken, checkTokens, tokensOf, tokenTable } from './cluster-access.js';
import { type Document, invalidFile, readDocument } from './document.js';
import { problemsOf } from './explain.js';
import { domain, duration, labels, nonEmpty, port, text } from './fields.js';
import { readHostPort } from './host-port.js';
import { refuseRustKeys } from './legacy.js';
import { shown } from './limits.js';
import { isTable, withoutUnset } from './plain.js';
import type { Problem } from './problem.js';
import { imagesPrefix, registrySchema } from './registry.js';
import { securityRulesOf, securitySchema } from './security.js';
import { serviceRangeProblem } from './service-range.js';

const hostPort = text((value) =>
  readHostPort(value) === null ? `must be HOST:PORT, such as "0.0.0.0:6880"; it is ${shown(value)}` : null,
);

/** Shorter ones would take a busy moment for silence. */
const MIN_SILENCE_MS = 3_000;

const clusterSchema = z.strictObject({
  cluster: z
    .strictObject({
      name: nonEmpty.optional(),
      domain: domain.optional(),
      acme_email: text((value) => (/^\S+@\S+$/.test(value) ? null : 'must be an e-mail address')).optional(),
      cert_dir: nonEmpty.optional(),
      log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).optional(),
      listen: hostPort.optional(),
      http_listen: hostPort.optional(),
      docker: nonEmpty.optional(),
      advertise: nonEmpty.optional(),
      agent: z.boolean().optional(),
      silence: duration(MIN_SILENCE_MS).optional(),
      lost_after: duration(MIN_SILENCE_MS).optional(),
      service_range: text(serviceRangeProblem).optional(),
      api_port: port.optional(),
      api_bind: nonEmpty.optional(),
      api_tokens: z.array(nonEmpty).optional(),
      ...accessKeys,
    })
    .optional(),
  acme: acmeSchema.optional(),
  proxy: z
    .strictObject({
      http_port: port.optional(),
      https_port: port.optional(),
      caddy: nonEmpty.optional(),
      trusted_proxies: z.array(text(addressRangeProblem)).optional(),
    })
    .optional(),
  security: securitySchema.optional(),
  registry: registrySchema.optional(),
  node: z
    .array(
      z.strictObject({ name: nonEmpty.optional(), address: nonEmpty.optional(), labels: labels.optional() }),
    )
    .optional(),
  token: z.array(tokenTable).optional(),
  api_tokens: z.array(nonEmpty).optional(),
});
type ClusterTable = z.output<typeof clusterSchema>;

export interface ClusterConfig {
  name: string | null;
  domain: string | null;
  acmeEmail: string | null;
  /** As written: relative to the home, or absolute. */
  certDir: string | null;
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | null;
  /** `HOST:PORT` of the HTTPS API. */
  listen: string | null;
  /** `HOST:PORT` of the API without TLS (loopback only). */
  httpListen: string | null;
  docker: string | null;
  advertise: string | null;
  /** False: run no local agent. */
  agent: boolean | null;
  /** Without a word for so long a node is unreachable, and lost after `lostAfterMs`, both counted from its last word. */
  silenceMs: number | null;
  lostAfterMs: number | null;
  /** The virtual addresses of services, as `10.213.0.0/16`. */
  serviceRange: string | null;
  acme: AcmeConfig;
  proxy: {
    httpPort: number | null;
    httpsPort: number | null;
    caddy: string | null;
    trustedProxies: string[];
  };
  security: SecurityRules;
  /** What images that no registry has are pushed below: `host/repository`. */
  imagesPrefix: string | null;
  /** Labels for nodes that join, matched by name or address. */
  nodes: { name: string | null; address: string | null; labels: Record<string, string> }[];
  tokens: ConfigToken[];
  /** How long entries of the audit trail are kept. */
  auditRetentionMs: number | null;
}

/** The configuration in `text`; `file` is how errors name it. Throws CONFIG_INVALID with every problem and its line. */
export async function parseClusterToml(text: string, file: string): Promise<ClusterConfig> {
  const document = await readDocument(text, file);
  const problems: Problem[] = [];
  const table = withoutUnset(document.data, problems);
  if (!isTable(table))
    throw await refused(document, file, [{ path: [], message: 'must be a table of keys' }]);
  problems.push(...refuseRustKeys(table, 'cluster'));
  const parsed = clusterSchema.safeParse(table);
  if (!parsed.success) problems.push(...problemsOf(parsed.error.issues, clusterSchema, table));
  else problems.push(...checkCluster(parsed.data));
  if (problems.length > 0 || !parsed.success) throw await refused(document, file, problems);
  return configOf(parsed.data);
}

/** What is wrong with a configuration that can be read, such as a file that it names: with its line, as any other mistake. */
export async function invalidClusterToml(text: string, file: string, problems: Problem[]): Promise<Error> {
  return refused(await readDocument(text, file), file, problems);
}

function checkCluster(table: ClusterTable): Problem[] {
  const problems: Problem[] = [];
  const { cluster, proxy } = table;
  if (cluster?.listen !== undefined && (cluster.api_port ?? cluster.api_bind) !== undefined) {
    const key = cluster.api_port === undefined ? 'api_bind' : 'api_port';
    problems.push({ path: ['cluster', key], message: 'is the older form of listen; keep one of the two' });
  }
  if (proxy?.http_port !== undefined && proxy.http_port === proxy.https_port) {
    problems.push({ path: ['proxy', 'https_port'], message: 'must differ from http_port' });
  }
  if (cluster?.http_listen !== undefined && !isLoopback(cluster.http_listen)) {
    const message = 'must be on the loopback (127.0.0.1 or [::1]): it serves without TLS';
    problems.push({ path: ['cluster', 'http_listen'], message });
  }
  if (cluster?.domain?.startsWith('*')) {
    const message = `must be one name, such as orca.example.com; it is ${shown(cluster.domain)}`;
    problems.push({ path: ['cluster', 'domain'], message });
  }
  const silenceMs = cluster?.silence ?? LIVENESS_MS;
  if ((cluster?.lost_after ?? silenceMs) < silenceMs) {
    const message = `must not be below silence (${formatDuration(silenceMs)})`;
    problems.push({ path: ['cluster', 'lost_after'], message });
  }
  return [
    ...problems,
    ...checkAcme(table.acme),
    ...checkNodes(table.node ?? []),
    ...checkTokens(table.token ?? []),
  ];
}

function isLoopback(listen: string): boolean {
  const host = readHostPort(listen)?.host ?? '';
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

async function refused(document: Document, file: string, problems: Problem[]): Promise<Error> {
  return invalidFile(
    document,
    file,
    problems.map((problem) => ({ ...problem, about: '', shown: problem.path })),
  );
}

function configOf(table: ClusterTable): ClusterConfig {
  const { cluster = {}, acme, proxy, security, registry, node, token, api_tokens } = table;
  const older = cluster.api_port !== undefined || cluster.api_bind !== undefined;
  const olderListen = older
    ? `${bracketed(cluster.api_bind ?? '0.0.0.0')}:${cluster.api_port ?? 6880}`
    : null;
  const bareTokens = [...(api_tokens ?? []), ...(cluster.api_tokens ?? [])];
  return {
    name: cluster.name ?? null,
    domain: cluster.domain ?? null,
    acmeEmail: cluster.acme_email ?? null,
    certDir: cluster.cert_dir ?? null,
    logLevel: cluster.log_level ?? null,
    listen: cluster.listen ?? olderListen,
    httpListen: cluster.http_listen ?? null,
    docker: cluster.docker ?? null,
    advertise: cluster.advertise ?? null,
    agent: cluster.agent ?? null,
    silenceMs: cluster.silence ?? null,
    lostAfterMs: cluster.lost_after ?? null,
    serviceRange: cluster.service_range ?? null,
    acme: acmeConfigOf(acme),
    proxy: {
      httpPort: proxy?.http_port ?? null,
      httpsPort: proxy?.https_port ?? null,
      caddy: proxy?.caddy ?? null,
      trustedProxies: [...new Set(proxy?.trusted_proxies ?? [])],
    },
    security: securityRulesOf(security),
    imagesPrefix: imagesPrefix(registry),
    nodes: (node ?? []).map((one) => ({
      name: one.name ?? null,
      address: one.address ?? null,
      labels: one.labels ?? {},
    })),
    tokens: tokensOf(token ?? [], bareTokens),
    auditRetentionMs: cluster.audit_retention ?? null,
  };
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
