/**
 * What is said of names that only DNS-01 could get a certificate for (wildcards). PURE. Orca looks whether the Caddy of each ingress has the
 * module that `[acme] dns` names, and says so; it does not order by it, and does not let anybody believe that it did.
 */

/** An ingress, and the modules of its Caddy below `dns.providers`; null: its agent does not say. */
export interface DnsEdge {
  name: string;
  providers: readonly string[] | null;
}

export const NOT_ORDERED = 'this version of Orca looks for it only, and does not order by it';

/** Names that need it. */
export const needsDns = (name: string): boolean => name.startsWith('*.');

/** What `[acme] dns` comes to on the ingresses, in one sentence. */
export function dnsFinding(dns: string, edges: readonly DnsEdge[]): string {
  const module = `dns.providers.${dns}`;
  const silent = edges.filter(({ providers }) => providers === null);
  const without = edges.filter(({ providers }) => providers !== null && !providers.includes(dns));
  if (edges.length === 0) return `no ingress has said yet whether its Caddy has the module ${module}`;
  if (without.length > 0) return `the Caddy of ${listed(without)} has no module ${module}`;
  if (silent.length > 0) return `${listed(silent)} did not say whether its Caddy has the module ${module}`;
  return `the Caddy of every ingress has the module ${module}`;
}

/** Why such a name has no public certificate though `dns` is set, and what its owner can do. */
export function dnsProblem(
  name: string,
  dns: string,
  edges: readonly DnsEdge[],
): { reason: string; todo: string } {
  const isThere = edges.length > 0 && edges.every(({ providers }) => providers?.includes(dns));
  const reason = `a wildcard needs DNS-01: ${dnsFinding(dns, edges)}${isThere ? ', but' : ', and'} ${NOT_ORDERED}`;
  const bring = `bring one of your own: orca certs add '${name}' --cert FILE --key FILE`;
  return { reason, todo: isThere ? bring : `${bring}; ${dnsBuild(dns)}` };
}

/** How a Caddy with that module is had (https://github.com/caddyserver/xcaddy; the caddy-dns organization names its modules so). */
export function dnsBuild(dns: string): string {
  return `a Caddy with the module is made by \`xcaddy build --with github.com/caddy-dns/${dns}\`, and used by [proxy] caddy = "/path/to/it"`;
}

const listed = (edges: readonly DnsEdge[]): string => edges.map(({ name }) => name).join(', ');
