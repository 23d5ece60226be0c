/**
 * Decides which text the sorry server shows for a request, PURE. Its upstreams are shared by all services with nothing to
 * offer, so that it finds the service by host and path, as the sites do; only domains with a service in maintenance are
 * in its list.
 */
import type { Route } from './route.js';
import { sitesOf } from './sites.js';

/** Paths of one service on some domains; `text` null: it is not in maintenance. In the order of matching. */
export interface Notice {
  domains: string[];
  paths: string[];
  text: string | null;
}

export function noticesOf(routes: Route[]): Notice[] {
  const { sites } = sitesOf(routes);
  return sites
    .filter((site) => site.rules.some(({ route }) => route.maintenance !== null))
    .flatMap(({ domains, rules }) =>
      rules.map(({ paths, route }) => ({ domains, paths, text: route.maintenance })),
    );
}

/** The text for a request, or null. `host` may have a port; `path` is as the client sent it. */
export function noticeFor(notices: readonly Notice[], host: string, path: string): string | null {
  const name = host.toLowerCase().replace(/:\d+$/, '');
  const found = notices.find(
    ({ domains, paths }) => domains.some((d) => isOf(d, name)) && paths.some((p) => isUnder(p, path)),
  );
  return found?.text ?? null;
}

function isOf(domain: string, name: string): boolean {
  return domain.startsWith('*.') ? name.slice(name.indexOf('.')) === domain.slice(1) : name === domain;
}

/** Caddy's path matcher, as far as patterns with a star at an end go; a star in the middle matches anything there. */
function isUnder(pattern: string, path: string): boolean {
  const parts = pattern
    .toLowerCase()
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(path.toLowerCase());
}
