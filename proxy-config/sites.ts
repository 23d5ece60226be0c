/**
 * Decides which path of which domain belongs to which service: routes in, sites out, in the order in which they must be
 * matched (exact names before wildcards, more specific paths before less specific ones).
 *
 * Promises that nothing a user wrote can be read by Caddy as a placeholder, and that the order of the input does not
 * matter. Refuses, with a reason each, the routes whose text it cannot vouch for; the others are served.
 */
import { domainToASCII } from 'node:url';
import type { Route } from './route.js';

/** Domains that share one list of paths, most specific path first. */
export interface Site {
  domains: string[];
  rules: { paths: string[]; route: Route }[];
}

export interface Sites {
  sites: Site[];
  refused: { service: string; reason: string }[];
}

/** Groups routes by domain. Two services with the same domain and path: the one whose name sorts first gets it. */
export function sitesOf(routes: Route[]): Sites {
  const refused: Sites['refused'] = [];
  const byDomain = new Map<string, { path: string; route: Route }[]>();
  for (const route of [...routes].sort((a, b) => compareText(a.service, b.service))) {
    const reason = refusalOf(route);
    if (reason !== null) {
      refused.push({ service: route.service, reason });
      continue;
    }
    for (const domain of new Set(route.domains.map(normalDomain))) addRules(byDomain, domain, route);
  }
  return { sites: mergeEqual(byDomain), refused };
}

/** The domain as Caddy compares it: lower case, in ASCII; an empty string when it is no domain. */
export function normalDomain(domain: string): string {
  if (/[/?#@:\\\s]/.test(domain)) return '';
  const wildcard = domain.startsWith('*.');
  const name = domainToASCII(wildcard ? domain.slice(2) : domain).toLowerCase();
  if (!/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(name)) return '';
  return wildcard ? `*.${name}` : name;
}

/** Sorts the more specific path first: no star before a star, longer before shorter. */
export function comparePaths(a: string, b: string): number {
  const stars = Number(a.includes('*')) - Number(b.includes('*'));
  const lengths = literalLength(b) - literalLength(a);
  return stars || lengths || b.length - a.length || compareText(a, b);
}

function refusalOf(route: Route): string | null {
  const badDomain = route.domains.find((domain) => normalDomain(domain) === '');
  if (badDomain !== undefined) return `domain ${JSON.stringify(badDomain)} is not a domain name`;
  const badPath = route.paths.find((path) => !isSafePath(path) || !/^[/*]/.test(path));
  if (badPath !== undefined) return `path ${JSON.stringify(badPath)} must start with / and hold no braces`;
  const prefix = route.stripPrefix;
  if (prefix !== null && !isSafePath(prefix)) return `prefix ${JSON.stringify(prefix)} must hold no braces`;
  return null;
}

function isSafePath(path: string): boolean {
  return !/[{}\\\p{Cc}]/u.test(path);
}

function addRules(byDomain: Map<string, { path: string; route: Route }[]>, domain: string, route: Route) {
  const rules = byDomain.get(domain) ?? [];
  byDomain.set(domain, rules);
  for (const path of route.paths.length === 0 ? ['/*'] : route.paths) {
    if (!rules.some((rule) => rule.path === path)) rules.push({ path, route });
  }
}

/** Domains with equal rules become one site, so that a request is compared with fewer of them. */
function mergeEqual(byDomain: Map<string, { path: string; route: Route }[]>): Site[] {
  const merged = new Map<string, Site>();
  const domains = [...byDomain.keys()].sort(compareDomains);
  for (const domain of domains) {
    const rules = (byDomain.get(domain) ?? []).sort((a, b) => comparePaths(a.path, b.path));
    const key = `${domainRank(domain)} ${JSON.stringify(rules.map((r) => [r.path, r.route.service]))}`;
    const site = merged.get(key);
    if (site) site.domains.push(domain);
    else merged.set(key, { domains: [domain], rules: joinNeighbours(rules) });
  }
  return [...merged.values()];
}

function joinNeighbours(rules: { path: string; route: Route }[]): Site['rules'] {
  const joined: Site['rules'] = [];
  for (const { path, route } of rules) {
    const last = joined.at(-1);
    if (last?.route === route) last.paths.push(path);
    else joined.push({ paths: [path], route });
  }
  return joined;
}

/** Exact names come before wildcards, and a wildcard with more labels before one with fewer. */
function compareDomains(a: string, b: string): number {
  return domainRank(a) - domainRank(b) || compareText(a, b);
}

function domainRank(domain: string): number {
  return domain.startsWith('*.') ? 1_000 - domain.split('.').length : 0;
}

function literalLength(path: string): number {
  const star = path.indexOf('*');
  return star === -1 ? path.length : star;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
