/**
 * Decides how one service is proxied: Caddy's `reverse_proxy` handlers, PURE.
 *
 * Promises: upstreams come from SRV records, so a change of membership or weights never changes what is made here;
 * only safe methods without a body are ever sent twice, others are tried again only when no connection was made (Caddy
 * itself tells the two apart); headers about the client come from the connection, never from the client (but from proxies
 * that the user trusts). The reasons are facts
 * measured on Caddy 2.6.2 and 2.11.9: after a refused connection 2.6.2 has lost a body, so that requests with one aren't tried again
 * there; passive health turns a short restart into seconds of 503, and a resolver address must name its network.
 */

import type { CaddyTraits } from './caddy-version.js';
import { chooseGroup, srvNameFor } from './choose-group.js';
import type { Route } from './route.js';
import { markFailed, markTraffic } from './traffic-log.js';
import { trustedBy } from './trusted-proxies.js';

/** Loopback ports of the resolver process. */
export interface ResolverPorts {
  srvTcpPort: number;
  dnsUdpPort: number;
  sorryPort: number;
  /** Where Caddy asks for certificates, and the password by which it may. */
  certificatePort: number;
  certificateKey: string;
}

export interface ProxyContext {
  resolver: ResolverPorts;
  refreshMs: number;
  /** That the request came by. */
  port: number;
  /** Whose word about a client counts. */
  trustedProxies: readonly string[];
  traits: CaddyTraits;
  /** `host:port` asked when the resolver does not answer; not part of the configuration's fingerprint. */
  fallback: string[];
}

/** How long a request waits for an upstream that accepts, and how often it tries, ms. */
export const TRY_DURATION_MS = 5_000;
export const TRY_INTERVAL_MS = 100;

/**
 * How long one try waits to be connected, ms. Of a connection's first packet that is lost the kernel sends another after 1 s, and then after
 * 3 s (Linux, tcp_syn_retries in tcp(7)): what is tried again is sooner served by another upstream, what is tried once waits for those.
 */
const DIAL_MS = 1_000;
const ONLY_DIAL_MS = TRY_DURATION_MS;

/** How long upgraded connections may go on after a load of Caddy's config; what they are open to ends them when it ends itself. */
const STREAMS_OUTLIVE_A_LOAD = '720h';

/** The handlers of one service, for a route that is matched already. */
export function proxyHandlers(route: Route, context: ProxyContext): object[] {
  const { keepsBodies } = context.traits;
  const strip =
    route.stripPrefix === null ? [] : [{ handler: 'rewrite', strip_path_prefix: route.stripPrefix }];
  const routes = [
    { match: [safeRequest()], handle: [triedAgain(route, context)], terminal: true },
    ...(keepsBodies
      ? []
      : [{ match: withoutBody(), handle: [reverseProxy(route, context, true)], terminal: true }]),
    { handle: [reverseProxy(route, context, keepsBodies)] },
  ];
  return [
    ...(route.measured ? markTraffic() : []),
    ...chooseGroup(route),
    ...strip,
    { handler: 'subroute', routes },
  ];
}

/** A request that may be sent twice: a safe method, and no body that would be missing the second time. */
function safeRequest(): object {
  return {
    method: ['GET', 'HEAD', 'OPTIONS'],
    not: [{ header: { 'Content-Length': ['*'] } }, { header: { 'Transfer-Encoding': ['*'] } }],
  };
}

/** An unsafe request that surely has no body; over h2 one with a body need not say its length. */
function withoutBody(): object[] {
  const unsaid = {
    not: [{ header: { 'Content-Length': ['*'] } }, { header: { 'Transfer-Encoding': ['*'] } }],
  };
  return [{ header: { 'Content-Length': ['0'] } }, { method: ['DELETE'], ...unsaid }];
}

/** Caddy's own retries leave no trace of whose try broke. Where that is to be counted, the first try is a handler of its own. */
function triedAgain(route: Route, context: ProxyContext): object {
  const retrying = reverseProxy(route, context, true);
  if (!route.measured) return retrying;
  return {
    handler: 'subroute',
    routes: [{ handle: [reverseProxy(route, context, false, DIAL_MS)] }],
    errors: { routes: [{ handle: [markFailed(), retrying] }] },
  };
}

function reverseProxy(
  route: Route,
  context: ProxyContext,
  retries: boolean,
  dialMs = retries ? DIAL_MS : ONLY_DIAL_MS,
): object {
  return {
    handler: 'reverse_proxy',
    load_balancing: {
      selection_policy: { policy: 'random' },
      ...(retries ? { try_duration: `${TRY_DURATION_MS}ms`, try_interval: `${TRY_INTERVAL_MS}ms` } : {}),
    },
    dynamic_upstreams: {
      source: 'srv',
      name: srvNameFor(route),
      refresh: `${context.refreshMs}ms`,
      resolver: { addresses: [`tcp/127.0.0.1:${context.resolver.srvTcpPort}`] },
    },
    ...(context.fallback.length === 0 ? {} : { upstreams: context.fallback.map((dial) => ({ dial })) }),
    transport: {
      protocol: 'http',
      resolver: { addresses: [`udp/127.0.0.1:${context.resolver.dnsUdpPort}`] },
      dial_timeout: `${dialMs / 1_000}s`,
      keep_alive: { idle_timeout: '4s', max_idle_conns_per_host: 64 },
    },
    ...trustedBy(context.trustedProxies),
    headers: { request: forwardedHeaders(route, context) },
    ...(context.traits.keepsStreams ? { stream_close_delay: STREAMS_OUTLIVE_A_LOAD } : {}),
  };
}

/** Caddy sets X-Forwarded-For, -Proto and -Host itself and drops a client's; the rest of the family is set here, or where somebody is
 *  trusted, before (`clientHeaders`). */
function forwardedHeaders(route: Route, context: ProxyContext): object {
  const prefix = route.stripPrefix;
  const own = {
    'X-Forwarded-Port': [String(context.port)],
    'X-Real-Ip': ['{http.request.remote.host}'],
  };
  return {
    set: {
      ...(context.trustedProxies.length === 0 ? own : {}),
      ...(prefix === null ? {} : { 'X-Forwarded-Prefix': [prefix] }),
    },
  };
}

/** Applications trust these just as much, and nobody but a client can have set them. */
const FORGED = [
  'Forwarded',
  'X-Forwarded-Prefix',
  'X-Forwarded-Scheme',
  'X-Forwarded-Server',
  'X-Forwarded-Ssl',
  'X-Url-Scheme',
];

/** A route for all requests: takes those headers out where there is one. To take them out of each request costs 3 % of the
 *  throughput, to look whether there is one a third of that (2.6.2). */
export function dropForgedHeaders(): object {
  return {
    match: FORGED.map((name) => ({ header: { [name]: ['*'] } })),
    handle: [{ handler: 'headers', request: { delete: FORGED } }],
  };
}
