/**
 * Which names are ordered by DNS-01, and how many at a time. PURE. Wildcards can be had so only; other names are where `[acme] dns_names`
 * says so: those that a CA could not reach by HTTP.
 */

/** As many Caddies run at once, with 50 MB each (2.11.9). */
const AT_ONCE = 4;

/** `names`: exact ones, `*.example.com` for those one label below, `*` for all. */
export function isByDns(name: string, dns: { names: readonly string[] } | null): boolean {
  return needsDns(name) || (dns?.names ?? []).some((pattern) => covers(pattern, name));
}

/** Names that nothing else gets a certificate. */
export const needsDns = (name: string): boolean => name.startsWith('*.');

/** Whether an order for the name may begin: not two that need a record of the same name, for some providers keep but one of these. */
export function hasDnsRoom(name: string, running: Iterable<string>): boolean {
  const others = [...running];
  return others.length < AT_ONCE && !others.some((other) => recordOf(other) === recordOf(name));
}

const recordOf = (name: string): string => (needsDns(name) ? name.slice(2) : name);

function covers(pattern: string, name: string): boolean {
  if (pattern === '*' || pattern === name) return true;
  return pattern.startsWith('*.') && name.slice(name.indexOf('.') + 1) === pattern.slice(2);
}
