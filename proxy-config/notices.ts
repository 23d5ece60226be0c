/**
 * Decides which text the sorry server shows for a request, PURE. Its upstreams are shared by all services with nothing to
 * offer, so that it finds the service by host and path, as the sites do; only domains with a service in maintenance, and
 * those that a wildcard with one would cover too, are in its list.
 */
import { matchesPath } from './path-match.js';
import type { Route } from './route.js';
import { sitesOf } from './sites.js';

/** Paths of one service on some domains; `text` null: it is not in maintenance. In the order of matching. */
export interface Notice {
  domains: string[];
  paths: string[];
  text: string | null;
}

export function noticesOf(routes: Route[]): Notice[] {
  // Asked at every pass: finding the sites of 1,000 services is not for when nobody is in maintenance.
  if (routes.every((route) => route.maintenance === null)) return [];
  const { sites } = sitesOf(routes);
  const closed = sites.filter((site) => site.rules.some(({ route }) => route.maintenance !== null));
  const covered = new Set(closed.flatMap((site) => site.domains));
  return sites
    .filter(({ domains }) => domains.some((domain) => covered.has(domain) || covered.has(wildcardOf(domain))))
    .flatMap(({ domains, rules }) =>
      rules.map(({ paths, route }) => ({ domains, paths, text: route.maintenance })),
    );
}

/** The text for a request, or null. `host` may have a port; `path` is as the client sent it. */
export function noticeFor(notices: readonly Notice[], host: string, path: string): string | null {
  const name = host.toLowerCase().replace(/:\d+$/, '');
  const found = notices.find(
    ({ domains, paths }) => domains.some((d) => isOf(d, name)) && paths.some((p) => matchesPath(p, path)),
  );
  return found?.text ?? null;
}

function isOf(domain: string, name: string): boolean {
  return name === domain || wildcardOf(name) === domain;
}

function wildcardOf(name: string): string {
  return `*${name.slice(name.indexOf('.'))}`;
}
