/**
 * PURE: which names are served without TLS. A name is that only when all that is routed under it is to be: services that share one and
 * are changed together come one after the other, and until the last has come all of them are served as before.
 */
import type { Route } from './route.js';
import { normalDomain } from './sites.js';

/** Each route with those of its names that are served that way; one without any is left out. */
export function splitByTls(routes: readonly Route[]): { tls: Route[]; plain: Route[] } {
  const withTls = new Set(
    routes.flatMap(({ httpOnly, domains }) => (httpOnly ? [] : domains.map(normalDomain))),
  );
  const only = (isWanted: (domain: string) => boolean): Route[] =>
    routes
      .map((route) => ({ ...route, domains: route.domains.filter(isWanted) }))
      .filter(({ domains }) => domains.length > 0);
  const isTls = (domain: string): boolean => withTls.has(normalDomain(domain));
  return { tls: only(isTls), plain: only((domain) => !isTls(domain)) };
}
