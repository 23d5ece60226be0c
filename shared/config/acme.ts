/** `[acme]` of cluster.toml: the CA, and how names are shown to be the cluster's. What is not written is null or empty. */
import { isIP } from 'node:net';
import * as z from 'zod';
import { parseDuration } from '../duration.js';
import { referenceProblem } from '../secret-reference.js';
import { domain, duration, nonEmpty, text } from './fields.js';
import { readHostPort } from './host-port.js';
import { shown } from './limits.js';
import { isTable } from './plain.js';
import type { KeyPath, Problem } from './problem.js';

const MAX_WAIT_MS = 3_600_000;
/** Of the record, where nothing else is said: Caddy's own. */
const PROPAGATION_MS = 120_000;
const OFF = 'off';

export const acmeSchema = z.strictObject({
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
  dns_options: z.record(z.string(), z.unknown()).optional(),
  dns_names: z.array(z.union([z.literal('*'), domain])).optional(),
  dns_caddy: nonEmpty.optional(),
  dns_resolvers: z.array(nonEmpty).optional(),
  dns_propagation_timeout: text(propagationProblem).optional(),
  dns_propagation_delay: duration(0, MAX_WAIT_MS).optional(),
});
type AcmeTable = z.output<typeof acmeSchema>;

export interface AcmeConfig {
  directory: string | null;
  /** PEM files, as written. */
  trustedRoots: string[];
  staging: boolean;
  eab: { kid: string; key: string } | null;
  /** DNS servers that are asked where a name points. */
  resolvers: string[];
  /** Null: nothing is ordered by DNS-01. */
  dns: DnsConfig | null;
}

export interface DnsConfig {
  /** The module of Caddy, below `dns.providers`. */
  module: string;
  /** Its options; texts may refer to secrets. */
  options: Record<string, unknown>;
  /** Exact names, `*.example.com` for those one label below, `*` for all. */
  names: string[];
  /** As written; null: that of `[proxy]`. */
  caddy: string | null;
  resolvers: string[];
  /** Null: nobody looks whether the record is there. */
  propagationTimeoutMs: number | null;
  propagationDelayMs: number;
}

export function checkAcme(acme: AcmeTable | undefined): Problem[] {
  if (acme === undefined) return [];
  const problems: Problem[] = [];
  if (acme.staging && acme.directory !== undefined)
    problems.push({ path: ['acme', 'staging'], message: "is Let's Encrypt's; keep it or directory" });
  for (const [one, other] of [
    ['eab_kid', 'eab_key'],
    ['eab_key', 'eab_kid'],
  ] as const)
    if (acme[one] !== undefined && acme[other] === undefined)
      problems.push({ path: ['acme', one], message: `is of no use without ${other}` });
  if (acme.eab_key !== undefined && !/^[\w-]+={0,2}$/.test(acme.eab_key))
    problems.push({ path: ['acme', 'eab_key'], message: 'must be the base64url text that the CA gave' });
  for (const key of ['resolvers', 'dns_resolvers'] as const)
    for (const [index, resolver] of (acme[key] ?? []).entries())
      if (!isAddress(resolver)) {
        const message = `must be an IP address, with or without a port, such as "1.1.1.1" or "[2606:4700::]:53"; it is ${shown(resolver)}`;
        problems.push({ path: ['acme', key, index], message });
      }
  return [...problems, ...checkDns(acme)];
}

/** What only `dns` gives a meaning. */
const OF_DNS = [
  'dns_options',
  'dns_names',
  'dns_caddy',
  'dns_resolvers',
  'dns_propagation_timeout',
  'dns_propagation_delay',
] as const;

function checkDns(acme: AcmeTable): Problem[] {
  if (acme.dns === undefined)
    return OF_DNS.filter((key) => acme[key] !== undefined).map((key) => ({
      path: ['acme', key],
      message: 'is of no use without dns, the module of Caddy that makes the records',
    }));
  const problems = optionProblems(acme.dns_options ?? {}, ['acme', 'dns_options']);
  if (acme.dns_options?.name !== undefined)
    problems.push({ path: ['acme', 'dns_options', 'name'], message: 'is the module, which dns names' });
  return problems;
}

/** Options are passed to Caddy as JSON, as they are but for references to secrets. */
function optionProblems(value: unknown, path: KeyPath): Problem[] {
  if (typeof value === 'string') {
    const message = referenceProblem(value);
    return message === null ? [] : [{ path, message }];
  }
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return [];
  if (Array.isArray(value)) return value.flatMap((inner, index) => optionProblems(inner, [...path, index]));
  if (isTable(value))
    return Object.entries(value).flatMap(([key, inner]) => optionProblems(inner, [...path, key]));
  return [
    { path, message: 'must be text, a number, true or false, a list or a table: it goes to Caddy as JSON' },
  ];
}

export function acmeConfigOf(acme: AcmeTable | undefined): AcmeConfig {
  return {
    directory: acme?.directory ?? null,
    trustedRoots: acme?.trusted_roots ?? [],
    staging: acme?.staging ?? false,
    eab: acme?.eab_kid && acme.eab_key ? { kid: acme.eab_kid, key: acme.eab_key } : null,
    resolvers: acme?.resolvers ?? [],
    dns: acme?.dns === undefined ? null : dnsConfigOf(acme, acme.dns),
  };
}

function dnsConfigOf(acme: AcmeTable, module: string): DnsConfig {
  const timeout = acme.dns_propagation_timeout;
  return {
    module,
    options: acme.dns_options ?? {},
    names: acme.dns_names ?? [],
    caddy: acme.dns_caddy ?? null,
    resolvers: acme.dns_resolvers ?? [],
    propagationTimeoutMs: timeout === OFF ? null : (parseDuration(timeout ?? '') ?? PROPAGATION_MS),
    propagationDelayMs: acme.dns_propagation_delay ?? 0,
  };
}

function dnsModuleProblem(value: string): string | null {
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(value)) return null;
  return `must be the name of a module of Caddy below dns.providers, such as "cloudflare"; it is ${shown(value)}`;
}

function propagationProblem(value: string): string | null {
  const ms = parseDuration(value);
  if (value === OFF || (ms !== null && ms >= 1_000 && ms <= MAX_WAIT_MS)) return null;
  return `must be a time from "1s" to "1h", or "off" to have nobody look; it is ${shown(value)}`;
}

const isAddress = (value: string): boolean =>
  isIP(value) !== 0 || isIP(readHostPort(value)?.host ?? '') !== 0;
