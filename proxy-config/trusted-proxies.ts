/**
 * Decides whose word about a client counts: Caddy's matchers and handlers, PURE. From a peer that is trusted, X-Forwarded-For (with the
 * peer added), -Proto, -Host, -Port and X-Real-Ip stay as they came; from everybody else they are replaced by what the connection says.
 * 2.6.2 knows no `trusted_proxies` of a server, so each proxy handler is told (it looks after the first three), and the others are set here.
 */

/** For all requests of a server, before they are proxied; nothing where nobody is trusted: then the proxy sets them. */
export function clientHeaders(trusted: readonly string[], port: number): object[] {
  if (trusted.length === 0) return [];
  const peer = { remote_ip: { ranges: [...trusted] } };
  const address = { 'X-Real-Ip': ['{http.request.remote.host}'] };
  return [
    {
      match: [{ not: [peer] }],
      handle: [{ handler: 'headers', request: { set: { 'X-Forwarded-Port': [String(port)], ...address } } }],
    },
    {
      match: [{ ...peer, not: [{ header: { 'X-Real-Ip': ['*'] } }] }],
      handle: [{ handler: 'headers', request: { set: address } }],
    },
  ];
}

/** What each `reverse_proxy` is told. */
export function trustedBy(trusted: readonly string[]): { trusted_proxies?: string[] } {
  return trusted.length === 0 ? {} : { trusted_proxies: [...trusted] };
}
