/**
 * What the master runs with: flags over `ORCA_*` variables over cluster.toml over defaults. Refuses what can't work with
 * CONFIG_INVALID or USAGE before anything is touched.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { IMAGES_PORT } from '../shared/carry.js';
import { type ClusterConfig, invalidClusterToml, parseClusterToml } from '../shared/config/cluster.js';
import { readHostPort } from '../shared/config/host-port.js';
import { OrcaError } from '../shared/errors.js';
import { checkOwnAddress } from '../shared/own-address.js';
import type { SecurityRules } from '../shared/permit.js';
import { LIVENESS_MS } from '../shared/protocol.js';
import type { AcmeSettings } from './acme/order.js';
import type { PresenceTiming } from './plan/presence.js';
import { trustedRootProblems } from './trusted-roots.js';

/** As given on the command line; unset ones are absent. */
export interface MasterFlags {
  home?: string;
  listen?: string;
  httpPort?: string;
  httpsPort?: string;
  docker?: string;
  advertise?: string;
  httpListen?: string;
  caddy?: string;
  noAgent?: boolean;
}

export interface HostPort {
  host: string;
  port: number;
}

export interface MasterSettings {
  home: string;
  name: string;
  domain: string | null;
  acmeEmail: string | null;
  /** Null: off. Paths are absolute. */
  acme: AcmeSettings | null;
  /** Where users' certificates lie. */
  certDir: string;
  logLevel: string;
  listen: HostPort;
  httpListen: HostPort | null;
  docker: string;
  advertise: string | null;
  runsAgent: boolean;
  presence: PresenceTiming;
  /** What services get their virtual addresses from, as `10.213.0.0/16`. */
  serviceRange: string;
  /** Of `[registry]`: `host/repository`; null: images are carried from node to node. */
  imagesPrefix: string | null;
  proxy: { httpPort: number; httpsPort: number; caddy: string; trustedProxies: string[] };
  /** What services may reach beyond their containers. */
  security: SecurityRules;
  nodes: ClusterConfig['nodes'];
  tokens: ClusterConfig['tokens'];
  auditRetentionMs: number;
}

const LOST_AFTER_MS = 60_000;
const AUDIT_RETENTION_MS = 90 * 86_400_000;
const SERVICE_RANGE = '10.213.0.0/16';

type Environment = Record<string, string | undefined>;

/** `--home`, ORCA_HOME, /var/lib/orca for root, else ~/.orca; absolute. */
export function homeOf(flags: MasterFlags, env: Environment): string {
  const fallback = process.getuid?.() === 0 ? '/var/lib/orca' : join(homedir(), '.orca');
  return resolve(flags.home ?? env.ORCA_HOME ?? fallback);
}

/** Reads the home's cluster.toml and puts everything together. */
export async function readSettings(flags: MasterFlags, env: Environment): Promise<MasterSettings> {
  const home = homeOf(flags, env);
  const file = join(home, 'cluster.toml');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const config = await parseClusterToml(text, file);
  const given = (flag: string | undefined, variable: string): string | undefined =>
    flag ?? (env[variable] || undefined);
  const caddy = caddyPath(given(flags.caddy, 'ORCA_CADDY') ?? config.proxy.caddy ?? 'auto');
  const acme = acmeOf(config, home, caddy);
  const problems = trustedRootProblems(acme?.trustedRoots ?? []);
  if (problems.length > 0) throw await invalidClusterToml(text, file, problems);
  const httpListen = given(flags.httpListen, 'ORCA_HTTP_LISTEN') ?? config.httpListen;
  return {
    home,
    name: config.name ?? 'orca',
    domain: config.domain,
    acmeEmail: config.acmeEmail,
    acme,
    certDir: resolve(home, config.certDir ?? 'certs'),
    logLevel: env.ORCA_LOG_LEVEL ?? config.logLevel ?? 'info',
    listen: hostPort(given(flags.listen, 'ORCA_LISTEN') ?? config.listen ?? '0.0.0.0:6880', '--listen'),
    httpListen: httpListen === null ? null : loopback(hostPort(httpListen, '--http-listen')),
    docker: dockerAddress(
      given(flags.docker, 'ORCA_DOCKER') ?? config.docker ?? 'unix:///var/run/docker.sock',
    ),
    advertise: ownAddress(given(flags.advertise, 'ORCA_ADVERTISE') ?? config.advertise),
    runsAgent: !(flags.noAgent ?? isOn(env.ORCA_NO_AGENT)) && (config.agent ?? true),
    proxy: {
      httpPort: portOf(given(flags.httpPort, 'ORCA_HTTP_PORT') ?? config.proxy.httpPort ?? 80, '--http-port'),
      httpsPort: portOf(
        given(flags.httpsPort, 'ORCA_HTTPS_PORT') ?? config.proxy.httpsPort ?? 443,
        '--https-port',
      ),
      caddy,
      trustedProxies: config.proxy.trustedProxies,
    },
    presence: {
      silenceMs: config.silenceMs ?? LIVENESS_MS,
      lostAfterMs: config.lostAfterMs ?? LOST_AFTER_MS,
    },
    serviceRange: config.serviceRange ?? SERVICE_RANGE,
    security: config.security,
    imagesPrefix: config.imagesPrefix,
    nodes: config.nodes,
    tokens: config.tokens,
    auditRetentionMs: config.auditRetentionMs ?? AUDIT_RETENTION_MS,
  };
}

/** Of the hosts, for Orca itself. `apiPort`: what the API listens on. */
export const ownPorts = ({ httpListen, proxy }: MasterSettings, apiPort: number): number[] => [
  ...[apiPort, proxy.httpPort, proxy.httpsPort, IMAGES_PORT],
  ...(httpListen === null ? [] : [httpListen.port]),
];

/** What of `after` counts only after a restart, said in a sentence. */
export function restartNotes(before: MasterSettings, after: MasterSettings): string[] {
  const keys = ['listen', 'httpListen', 'docker', 'advertise', 'runsAgent'] as const;
  const fixed = keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return fixed.length === 0 ? [] : [`${fixed.join(', ')} will count after a restart`];
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const LETS_ENCRYPT_STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';

function acmeOf({ acmeEmail, acme }: ClusterConfig, home: string, caddy: string): AcmeSettings | null {
  if (acmeEmail === null) return null;
  return {
    directory: acme.directory ?? (acme.staging ? LETS_ENCRYPT_STAGING : LETS_ENCRYPT),
    email: acmeEmail,
    trustedRoots: acme.trustedRoots.map((path) => resolve(home, path)),
    eab: acme.eab,
    resolvers: acme.resolvers,
    dns: acme.dns && { ...acme.dns, caddy: acme.dns.caddy === null ? caddy : caddyPath(acme.dns.caddy) },
  };
}

function ownAddress(address: string | null): string | null {
  if (address !== null) checkOwnAddress(address);
  return address;
}

const isOn = (value: string | undefined): boolean =>
  value !== undefined && !['', '0', 'false'].includes(value);

function hostPort(text: string, flag: string): HostPort {
  const read = readHostPort(text);
  if (!read)
    throw new OrcaError('USAGE', `${flag} must be HOST:PORT, such as 127.0.0.1:6880; it is "${text}"`);
  return read;
}

function loopback(at: HostPort): HostPort {
  if (at.host === 'localhost' || at.host === '::1' || /^127(\.\d{1,3}){3}$/.test(at.host)) return at;
  throw new OrcaError(
    'USAGE',
    `--http-listen serves without TLS and must be on the loopback; ${at.host} is not`,
  );
}

function portOf(value: string | number, flag: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new OrcaError('USAGE', `${flag} must be a port from 1 to 65535; it is "${value}"`);
  return port;
}

function dockerAddress(text: string): string {
  if (isAbsolute(text)) return `unix://${text}`;
  if (/^(unix:\/\/\/|tcp:\/\/|https?:\/\/)/.test(text)) return text;
  throw new OrcaError('USAGE', `--docker must be such as unix:///var/run/docker.sock; it is "${text}"`);
}

const caddyPath = (text: string): string =>
  text === 'auto' || text.startsWith('docker:') || isAbsolute(text) ? text : resolve(text);
