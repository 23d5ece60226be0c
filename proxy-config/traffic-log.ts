/**
 * Decides how Caddy tells what went through, PURE: an access log of the measured services alone, as JSON over UDP
 * to this node's agent. UDP, since a sink that stalls or is gone must never hold up a request (measured).
 *
 * Caddy 2.6.2 has no field of its own choice in that log: what is wanted (who answered, who failed before, content type) stands in `user_id`,
 * by a `map` that is evaluated when the line is written; the same does on 2.11.9. Everything else about the request is left
 * out of it: a datagram has about 180 bytes.
 */
import type { Route } from './route.js';
import type { Site } from './sites.js';

const LOGGER = 'traffic';

const FAILED = 'orca_failed';

const MARK = [
  '{http.reverse_proxy.upstream.hostport}',
  `{http.vars.${FAILED}}`,
  '{http.response.header.Upgrade}',
  '{http.response.header.Content-Type}',
].join('|');

/** Without a port nothing is measured: lines that have no sink would end up in Caddy's own log. */
export function measurable(routes: Route[], port: number | null): Route[] {
  return port === null ? routes.map((route) => ({ ...route, measured: false })) : routes;
}

/** What each measured route does before it proxies. */
export function markTraffic(): object[] {
  const mark = {
    handler: 'map',
    source: '{http.request.method}',
    destinations: ['{http.auth.user.id}'],
    defaults: [MARK],
  };
  return [logging(true), mark];
}

/** Where a first try has just failed: whose it was, for the line that is written in the end. */
export function markFailed(): object {
  return { handler: 'vars', [FAILED]: '{http.reverse_proxy.upstream.hostport}' };
}

/** The `logs` of the server; none without a measured site, so that others pay nothing. */
export function trafficLogs(sites: Site[]): { logs?: object } {
  return isMeasured(sites) ? { logs: { default_logger_name: LOGGER } } : {};
}

/** The first route of the server: nothing is logged but what a later route says is. */
export function silence(sites: Site[]): object[] {
  return isMeasured(sites) ? [{ handle: [logging(false)] }] : [];
}

/** By name of host it can't be chosen: 2.6.2 wants the port of the Host header in it, 2.11.9 refuses one. The variable is
 *  `skip_log` up to 2.7 and `log_skip` since. */
function logging(isOn: boolean): object {
  return { handler: 'vars', skip_log: !isOn, log_skip: !isOn };
}

/** The sink, and what keeps its lines out of Caddy's own log; nothing without a measured site. */
export function trafficSink(sites: Site[], port: number | null): { sink: object; name: string } | null {
  if (port === null || !isMeasured(sites)) return null;
  const name = `http.log.access.${LOGGER}`;
  const left = ['request', 'resp_headers', 'bytes_read', 'size'];
  return {
    name,
    sink: {
      writer: { output: 'net', address: `udp/127.0.0.1:${port}` },
      encoder: {
        format: 'filter',
        wrap: { format: 'json' },
        fields: Object.fromEntries(left.map((field) => [field, { filter: 'delete' }])),
      },
      include: [name],
    },
  };
}

function isMeasured(sites: Site[]): boolean {
  return sites.some((site) => site.rules.some(({ route }) => route.measured));
}
