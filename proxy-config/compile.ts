/**
 * Decides what Caddy is told: an ingress in, Caddy's JSON out, PURE, and valid on 2.6.2 and 2.11.9 alike.
 *
 * Promises: the configuration depends on domains, paths, ports, and the certificates that are loaded (`tls`) only. Membership and weights
 * live in SRV records, because a load of Caddy can cost requests. Every request gets an answer that says something: an unknown
 * host or path a 404 page, a known one with nothing behind it a 503 page with Retry-After, never Caddy's empty 200.
 * Caddy orders no certificate: `automatic_https` is off, and the issuer in `tls.automation` only answers challenges (handshake-challenges).
 */
import { CHALLENGE_PATH } from '../shared/challenge-path.js';
import { canonicalJson, fingerprint } from '../shared/fingerprint.js';
import { apiRoute, type MasterPlace } from './api-site.js';
import type { CaddyTraits } from './caddy-version.js';
import { chosenName } from './choose-group.js';
import { closingRoutes } from './closing-route.js';
import { challengeIssuers } from './handshake-challenges.js';
import { errorRoutes, notFound } from './page-handlers.js';
import { dropForgedHeaders, proxyHandlers, type ResolverPorts } from './proxy-handler.js';
import type { Ingress } from './route.js';
import { countNames } from './segments.js';
import { type Site, type Sites, sitesOf } from './sites.js';
import { splitByTls } from './split-by-tls.js';
import { strictTransport } from './strict-transport.js';
import { certificateManagers, connectionPolicies, loadedCertificates } from './tls.js';
import { measurable, silence, trafficLogs, trafficSink } from './traffic-log.js';
import { clientHeaders } from './trusted-proxies.js';

export interface CompileInput {
  ingress: Ingress;
  resolver: ResolverPorts;
  /** Where the API is, should it be served here; null: not known. */
  master?: MasterPlace | null;
  /** Where the log of measured services goes; null: nowhere. */
  trafficPort: number | null;
  /** Absolute path of Caddy's admin socket. */
  adminSocketPath: string;
  /** Where Caddy keeps what it stores (later: ACME accounts and certificates). */
  storageRoot: string;
  /** Caddy's own rolling log; null: to its stderr. */
  logFile: string | null;
  /** Of the Caddy that is told. */
  traits: CaddyTraits;
  /** Where the file of `closing-route` lies. */
  closingFolder: string;
  /** Another program has the port of HTTP: HTTPS alone is served. */
  isHttpTaken?: boolean;
  /** Per service (`project/name`), the `host:port`s to use while the resolver does not answer. */
  fallback: ReadonlyMap<string, string[]>;
}

export type CaddyConfig = { [key: string]: unknown };

export interface Compiled {
  config: CaddyConfig;
  /** Of the config without the fallback upstreams; also stands in the config, at `FINGERPRINT_PATH`. */
  fingerprint: string;
  refreshMs: number;
  /** Routes left out because their text is not safe to hand to Caddy. */
  refused: Sites['refused'];
}

/** Where a running Caddy's admin API shows the fingerprint that its config was compiled with. */
export const FINGERPRINT_PATH = 'apps/http/servers/https/@id';

/** How long Caddy may use an answer of the resolver, ms, with few services. */
export const REFRESH_MS = 100;

/**
 * The refresh interval for so many SRV names, in ms. Short makes deploys quick; each name that is asked for costs a lookup
 * an interval, during which all others wait. With 90 names 250 ms of it cost a quarter of the throughput and 1 s a tenth
 * (2.6.2, two cores), so it grows with the names: about a hundred lookups a second at most.
 */
export function refreshMsFor(names: number): number {
  if (names <= 10) return REFRESH_MS;
  if (names <= 30) return 250;
  return names <= 60 ? 500 : 1_000;
}

/** Compiles the complete configuration of Caddy; the same input in any order gives the same output. */
export function compile(input: CompileInput): Compiled {
  const routes = measurable(input.ingress.routes, input.trafficPort);
  const split = splitByTls(routes);
  const { sites, refused } = sitesOf(split.tls);
  const plain = sitesOf(split.plain);
  const refreshMs = refreshMsFor(countNames(input.ingress.routes));
  const automation = {
    policies: [{ issuers: challengeIssuers(), ...certificateManagers(input.resolver, input.traits) }],
  };
  const configWith = (https: object): CaddyConfig => ({
    ...withTraffic(bootConfig(input), trafficSink([...sites, ...plain.sites], input.trafficPort)),
    apps: {
      http: {
        http_port: input.ingress.httpPort,
        https_port: input.ingress.httpsPort,
        servers: {
          ...(input.isHttpTaken ? {} : { http: httpServer(input, { sites, plain: plain.sites, refreshMs }) }),
          https,
        },
      },
      tls: {
        certificates: { load_pem: loadedCertificates(input.ingress, input.traits) },
        automation,
      },
    },
  });
  const https = httpsServer(input, { sites, plain: plain.sites, refreshMs });
  const print = configFingerprint(configWith(https));
  return {
    config: configWith({ '@id': print, ...https }),
    fingerprint: print,
    refreshMs,
    refused: [...refused, ...plain.refused],
  };
}

/**
 * All of an ingress that its config depends on, as text: equal keys compile to equal fingerprints. Far cheaper than
 * compiling (1,000 services: 5 ms against 400), and asked at every change of membership.
 */
export function configKey(
  ingress: Ingress,
  resolver: ResolverPorts,
  trafficPort: number | null,
  traits: CaddyTraits,
): string {
  const { httpPort, httpsPort, apiName, trustedProxies, hsts } = ingress;
  const routes = ingress.routes.map((r) => [
    ...[r.service, r.srvName, r.domains, r.paths, r.stripPrefix],
    ...[r.measured, r.sticky, r.boundaries, r.groupHeader, r.httpOnly ?? false],
  ]);
  const loaded = [connectionPolicies(ingress, traits), loadedCertificates(ingress, traits)];
  const ports = [httpPort, httpsPort, resolver, trafficPort];
  return JSON.stringify([ports, traits, routes, loaded, apiName, trustedProxies, hsts]);
}

/** The lines of the traffic log go to its sink alone. */
function withTraffic(config: CaddyConfig & BootConfig, traffic: ReturnType<typeof trafficSink>): CaddyConfig {
  if (traffic === null) return config;
  const { default: own } = config.logging.logs;
  const logs = { default: { ...own, exclude: [...own.exclude, traffic.name] }, traffic: traffic.sink };
  return { ...config, logging: { logs } };
}

interface BootConfig {
  logging: { logs: { default: { exclude: string[]; [key: string]: unknown } } };
}

/** What every load must repeat and Caddy is first started with: the admin socket, storage and logging. At INFO 2.6.2 tells each
 *  call of its admin API, whatever is excluded (its own logger is no module's), and nothing else is found any more. */
export function bootConfig(
  input: Pick<CompileInput, 'adminSocketPath' | 'storageRoot' | 'logFile'>,
): CaddyConfig & BootConfig {
  const writer =
    input.logFile === null
      ? { output: 'stderr' }
      : { output: 'file', filename: input.logFile, roll_size_mb: 10, roll_keep: 3 };
  return {
    admin: { listen: `unix/${input.adminSocketPath}`, origins: ['localhost'] },
    logging: { logs: { default: { level: 'WARN', exclude: ['admin.api'], writer } } },
    storage: { module: 'file_system', root: input.storageRoot },
  };
}

/** Equal for configs that need no load between them: fallback upstreams and the fingerprint itself are left out. */
export function configFingerprint(config: CaddyConfig): string {
  return `orca-${fingerprint(JSON.parse(canonicalJson(config), dropped)).slice(0, 32)}`;
}

/** The SRV names that a config looks its upstreams up by: the services that it routes. */
export function srvNamesOf(config: unknown): Set<string> {
  const names = new Set<string>();
  JSON.stringify(config, (key, value) => {
    const name = key === 'dynamic_upstreams' ? value?.name : chosenName(key, value);
    if (typeof name === 'string') names.add(name);
    return value;
  });
  return names;
}

function dropped(key: string, value: unknown): unknown {
  return key === 'upstreams' || key === '@id' ? undefined : value;
}

interface Both {
  /** Those of HTTPS, which are sent on there. */
  sites: Site[];
  /** Those that are served without it: a CA asks for none of their names. */
  plain: Site[];
  refreshMs: number;
}

function httpServer(input: CompileInput, { sites, plain, refreshMs }: Both): object {
  const { ingress, resolver } = input;
  const hosts = [...(ingress.apiName ? [ingress.apiName] : []), ...sites.flatMap((site) => site.domains)];
  const port = ingress.httpsPort === 443 ? '' : `:${ingress.httpsPort}`;
  const redirect = {
    handler: 'static_response',
    status_code: 308,
    headers: { Location: [`https://{http.request.host}${port}{http.request.uri}`] },
  };
  const known = hosts.length === 0 ? [] : [{ match: [{ host: hosts }], handle: [redirect], terminal: true }];
  const inOtherWay = known.length === 0 ? [] : [challenges(resolver, hosts), ...known];
  const way = { refreshMs, port: ingress.httpPort, inOtherWay };
  const served = plain.length === 0 ? [] : siteRoutes(plain, input, way);
  return {
    listen: [`:${ingress.httpPort}`],
    read_header_timeout: '30s',
    automatic_https: { disable: true },
    ...trafficLogs(plain),
    routes: [...closing(input), ...served, challenges(resolver), ...known, { handle: [notFound()] }],
    ...(plain.length === 0 ? {} : { errors: { routes: errorRoutes() } }),
  };
}

/** Whatever the name, unless some are given: a CA asks for one before it is served, and what it asks for changes without a load. */
function challenges({ sorryPort }: ResolverPorts, host?: string[]): object {
  const proxy = { handler: 'reverse_proxy', upstreams: [{ dial: `127.0.0.1:${sorryPort}` }] };
  // The fingerprint leaves upstreams out: another port must be seen by it.
  const told = { handler: 'vars', challenges: sorryPort };
  const path = [`${CHALLENGE_PATH}*`];
  return { match: [host ? { host, path } : { path }], handle: [told, proxy], terminal: true };
}

function httpsServer(input: CompileInput, { sites, plain, refreshMs }: Both): object {
  const host = plain.flatMap(({ domains }) => domains);
  const inOtherWay = host.length === 0 ? [] : [{ match: [{ host }], handle: [notFound()], terminal: true }];
  return {
    listen: [`:${input.ingress.httpsPort}`],
    read_header_timeout: '30s',
    automatic_https: { disable: true },
    tls_connection_policies: connectionPolicies(input.ingress, input.traits),
    ...trafficLogs(sites),
    routes: [
      ...closing(input),
      ...siteRoutes(sites, input, { refreshMs, port: input.ingress.httpsPort, inOtherWay }),
      { handle: [notFound()] },
    ],
    errors: { routes: errorRoutes() },
  };
}

const closing = ({ closingFolder, traits }: CompileInput): object[] => closingRoutes(closingFolder, traits);

/** How requests of one server are proxied. */
interface Served {
  refreshMs: number;
  port: number;
  /** What answers for names that the other server serves, before a wildcard of this one takes their requests. */
  inOtherWay: object[];
}

function siteRoutes(sites: Site[], input: CompileInput, served: Served): object[] {
  const isTls = served.port === input.ingress.httpsPort;
  const isWide = ({ domains }: Site): boolean => domains.some((domain) => domain.startsWith('*'));
  const [exact, wide] = [sites.filter((site) => !isWide(site)), sites.filter(isWide)];
  return [
    ...silence(sites),
    dropForgedHeaders(),
    ...clientHeaders(input.ingress.trustedProxies ?? [], served.port),
    ...(isTls ? [...strictTransport(input.ingress), ...apiRoutes(input)] : []),
    ...exact.map((site) => siteRoute(site, input, served)),
    ...(wide.length === 0 ? [] : served.inOtherWay),
    ...wide.map((site) => siteRoute(site, input, served)),
  ];
}

function apiRoutes({ ingress: { apiName }, master }: CompileInput): object[] {
  return apiName && master ? [apiRoute(apiName, master)] : [];
}

function siteRoute(site: Site, input: CompileInput, served: Served): object {
  const rules = site.rules.map(({ paths, route }) => ({
    isForAll: paths.includes('/*') || paths.includes('*'),
    paths,
    handle: proxyHandlers(route, {
      resolver: input.resolver,
      ...served,
      trustedProxies: input.ingress.trustedProxies ?? [],
      traits: input.traits,
      fallback: input.fallback.get(route.service) ?? [],
    }),
  }));
  const [first] = rules;
  const match = [{ host: site.domains }];
  // A level of routes costs 2 % of the throughput (2.6.2).
  if (rules.length === 1 && first?.isForAll) return { match, handle: first.handle, terminal: true };
  const routes = rules.map(({ isForAll, paths, handle }) => ({
    ...(isForAll ? {} : { match: [{ path: paths }] }),
    handle,
    terminal: true,
  }));
  return {
    match,
    handle: [{ handler: 'subroute', routes: [...routes, { handle: [notFound()] }] }],
    terminal: true,
  };
}
