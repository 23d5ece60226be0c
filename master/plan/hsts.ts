/**
 * Which names send `Strict-Transport-Security`, and what it says. PURE. Never one that is served with a certificate of the
 * cluster's own CA: whoever has trusted its root once would be locked out for all of that time by another cluster's, or without it.
 */
import type { HstsSpec } from '../../shared/spec.js';
import type { ServiceState } from './snapshot.js';

/** Names by what they send, sorted; `trusted`: those that have a certificate that is not of the cluster's CA. */
export function hstsOf(
  services: readonly ServiceState[],
  trusted: ReadonlySet<string>,
): { value: string; names: string[] }[] {
  const byName = new Map<string, string>();
  for (const { service } of [...services].sort((a, b) => (a.service.key < b.service.key ? -1 : 1))) {
    const { hsts, internal, httpOnly, domains } = service.spec;
    if (!hsts || internal || httpOnly) continue;
    for (const domain of domains)
      if (trusted.has(domain) && !byName.has(domain)) byName.set(domain, hstsHeader(hsts));
  }
  const values = [...new Set(byName.values())].sort();
  const namesOf = (value: string) =>
    [...byName].flatMap(([name, its]) => (its === value ? [name] : [])).sort();
  return values.map((value) => ({ value, names: namesOf(value) }));
}

/** The header's text (RFC 6797, 6.1). */
export function hstsHeader({ maxAgeSecs, includeSubdomains, preload }: HstsSpec): string {
  const more = [...(includeSubdomains ? ['includeSubDomains'] : []), ...(preload ? ['preload'] : [])];
  return [`max-age=${maxAgeSecs}`, ...more].join('; ');
}
