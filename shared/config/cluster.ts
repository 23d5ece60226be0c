/**
 * Reads cluster.toml: the settings of the master that its flags and `ORCA_*` variables may override. What is not
 * written is null, so that whoever starts the master can tell "unset" from a choice.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { formatDuration } from '../duration.js';
import { LIVENESS_MS } from '../protocol.js';
import { addressRangeProblem } from './address-range.js';
import { checkNodes } from './check-nodes.js';
import { type Document, invalidFile, readDocument } from './document.js';
import { problemsOf } from './explain.js';
import { domain, duration, labels, nonEmpty, port, text } from './fields.js';
import { refuseRustKeys } from './legacy.js';
import { isTable, withoutUnset } from './plain.js';
import type { Problem } from './problem.js';
import { imagesPrefix, registrySchema } from './registry.js';
import { serviceRangeProblem } from './service-range.js';

const hostPort = text((value) =>
  readHostPort(value) === null
    ? `must be HOST:PORT, such as "0.0.0.0:6880"; it is ${JSON.stringify(value)}`
    : null,
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
    })
    .optional(),
  acme: z
    .strictObject({
      directory: text((value) =>
        URL.canParse(value) && new URL(value).protocol === 'https:'
          ? null
          : 'must be a URL that begins with https://',
      ).optional(),
      trusted_roots: z.array(nonEmpty).optional(),
      staging: z.boolean().optional(),
      eab_kid: nonEmpty.optional(),
      eab_key: nonEmpty.optional(),
      resolvers: z.array(nonEmpty).optional(),
      dns: text(dnsModuleProblem).optional(),
    })
    .optional(),
  proxy: z
    .strictObject({
      http_port: port.optional(),
      https_port: port.optional(),
      caddy: nonEmpty.optional(),
      trusted_proxies: z.array(text(addressRangeProblem)).optional(),
    })
    .optional(),
  registry: registrySchema.optional(),
  node: z
    .array(
      z.strictObject({ name: nonEmpty.optional(), address: nonEmpty.optional(), labels: labels.optional() }),
    )
    .optional(),
  token: z
    .array(
      z.strictObject({
        name: nonEmpty,
        value: nonEmpty,
        role: z.enum(['admin', 'deployer', 'viewer']).optional(),
      }),
    )
    .optional(),
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
  acme: {
    directory: string | null;
    /** PEM files, as written. */
    trustedRoots: string[];
    staging: boolean;
    eab: { kid: string; key: string } | null;
    /** DNS servers that are asked where a name points. */
    resolvers: string[];
    /** The module of Caddy (`dns.providers.…`) that DNS-01 is to be done with. */
    dns: string | null;
  };
  proxy: {
    httpPort: number | null;
    httpsPort: number | null;
    caddy: string | null;
    trustedProxies: string[];
  };
  /** What images that no registry has are pushed below: `host/repository`. */
  imagesPrefix: string | null;
  /** Labels for nodes that join, matched by name or address. */
  nodes: { name: string | null; address: string | null; labels: Record<string, string> }[];
  /** Of the Rust Orca's `[[token]]` and `api_tokens`; the latter have the role admin. */
  tokens: { name: string; value: string; role: 'admin' | 'deployer' | 'viewer' }[];
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

/** `HOST:PORT` or `[V6]:PORT` taken apart, or null. */
export function readHostPort(value: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(value);
  const portNumber = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || portNumber > 65_535 ? null : { host, port: portNumber };
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
    const message = `must be one name, such as orca.example.com; it is ${JSON.stringify(cluster.domain)}`;
    problems.push({ path: ['cluster', 'domain'], message });
  }
  const silenceMs = cluster?.silence ?? LIVENESS_MS;
  if ((cluster?.lost_after ?? silenceMs) < silenceMs) {
    const message = `must not be below silence (${formatDuration(silenceMs)})`;
    problems.push({ path: ['cluster', 'lost_after'], message });
  }
  return [...problems, ...checkAcme(table.acme), ...checkNodes(table.node ?? [])];
}

function checkAcme(acme: ClusterTable['acme']): Problem[] {
  const problems: Problem[] = [];
  if (acme?.staging && acme.directory !== undefined)
    problems.push({ path: ['acme', 'staging'], message: "is Let's Encrypt's; keep it or directory" });
  for (const [one, other] of [
    ['eab_kid', 'eab_key'],
    ['eab_key', 'eab_kid'],
  ] as const)
    if (acme?.[one] !== undefined && acme[other] === undefined)
      problems.push({ path: ['acme', one], message: `is of no use without ${other}` });
  if (acme?.eab_key !== undefined && !/^[\w-]+={0,2}$/.test(acme.eab_key))
    problems.push({ path: ['acme', 'eab_key'], message: 'must be the base64url text that the CA gave' });
  for (const [index, resolver] of (acme?.resolvers ?? []).entries())
    if (!isAddress(resolver)) {
      const message = `must be an IP address, with or without a port, such as "1.1.1.1" or "[2606:4700::]:53"; it is ${JSON.stringify(resolver)}`;
      problems.push({ path: ['acme', 'resolvers', index], message });
    }
  return problems;
}

function dnsModuleProblem(value: string): string | null {
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(value)) return null;
  return `must be the name of a module of Caddy below dns.providers, such as "cloudflare"; it is ${JSON.stringify(value)}`;
}

function isAddress(text: string): boolean {
  return isIP(text) !== 0 || isIP(readHostPort(text)?.host ?? '') !== 0;
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

function configOf({
  cluster = {},
  acme,
  proxy,
  registry,
  node,
  token,
  api_tokens,
}: ClusterTable): ClusterConfig {
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
    acme: {
      directory: acme?.directory ?? null,
      trustedRoots: acme?.trusted_roots ?? [],
      staging: acme?.staging ?? false,
      eab: acme?.eab_kid && acme.eab_key ? { kid: acme.eab_kid, key: acme.eab_key } : null,
      resolvers: acme?.resolvers ?? [],
      dns: acme?.dns ?? null,
    },
    proxy: {
      httpPort: proxy?.http_port ?? null,
      httpsPort: proxy?.https_port ?? null,
      caddy: proxy?.caddy ?? null,
      trustedProxies: [...new Set(proxy?.trusted_proxies ?? [])],
    },
    imagesPrefix: imagesPrefix(registry),
    nodes: (node ?? []).map((one) => ({
      name: one.name ?? null,
      address: one.address ?? null,
      labels: one.labels ?? {},
    })),
    tokens: [
      ...(token ?? []).map((one) => ({
        name: one.name,
        value: one.value,
        role: one.role ?? ('admin' as const),
      })),
      ...bareTokens.map((value, index) => ({ name: `api_tokens[${index}]`, value, role: 'admin' as const })),
    ],
  };
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
