/**
 * PURE: which certificate a handshake for a name is shown.
 *
 * Caddy asks the resolver's process for it at each handshake (`get_certificate`), so that another certificate is never a load of its
 * config: a load costs a busy client its connection, and the current Caddy a handshake now and then. Only what names an OCSP responder
 * is loaded, for Caddy staples nothing else.
 */
import { fingerprint } from '../shared/fingerprint.js';
import type { ResolverPorts } from './proxy-handler.js';
import type { Certificate, Ingress } from './route.js';
import { normalDomain } from './sites.js';

/** What the resolver's process answers; each `pem` is the chain, leaf first, with its key behind it. */
export interface CertificateTable {
  certificates: { names: string[]; pem: string }[];
  /** For every other name, or none, so that a page can be shown. */
  fallback: string;
}

export function certificateTable(ingress: Ingress): CertificateTable {
  return {
    certificates: distinct(ingress, false).map((one) => ({ names: one.names, pem: pemOf(one) })),
    fallback: pemOf(ingress.fallbackCertificate),
  };
}

/** By name: its own certificate before a wildcard's; whatever is asked for, there is one. */
export function certificateChooser({ certificates, fallback }: CertificateTable): (name: string) => string {
  const byName = new Map(certificates.flatMap(({ names, pem }) => names.map((name) => [name, pem] as const)));
  return (name) => {
    const asked = name.toLowerCase();
    return byName.get(asked) ?? byName.get(wildcardOver(asked)) ?? fallback;
  };
}

/** Where Caddy asks. Listed twice: one question more, should the resolver have died with the first. */
export function certificateManagers({ certificatePort, certificateKey }: ResolverPorts): object[] {
  const manager = { via: 'http', url: `http://caddy:${certificateKey}@127.0.0.1:${certificatePort}/` };
  return [manager, manager];
}

/** Each name gets the certificate that it is to have, though another that is loaded may be valid for it too. */
export function connectionPolicies(ingress: Ingress): object[] {
  const loaded = distinct(ingress, true);
  const policies = (isWanted: (name: string) => boolean): object[] =>
    loaded.flatMap((one) => policy(one.names.filter(isWanted), tagOf(one)));
  return [
    ...policies((name) => !isWildcard(name)),
    ...policy(
      askedBelow(
        loaded.flatMap(({ names }) => names.filter(isWildcard)),
        ingress,
      ),
      NOT_LOADED,
    ),
    ...policies(isWildcard),
    { certificate_selection: { any_tag: [NOT_LOADED] } },
  ];
}

/** What Caddy loads, by tag. */
export function loadedCertificates(ingress: Ingress): object[] {
  return distinct(ingress, true).map((one) => ({
    ...{ certificate: one.certPem, key: one.keyPem, tags: [tagOf(one)] },
  }));
}

/** The tag of nothing that is loaded: where Caddy finds none that it may choose, it asks. */
const NOT_LOADED = 'asked-for';

/** Names that are asked for though a wildcard that is loaded stands over them. */
function askedBelow(loaded: string[], ingress: Ingress): string[] {
  if (loaded.length === 0) return [];
  const asked = distinct(ingress, false).flatMap(({ names }) => names);
  return asked.filter((name) => loaded.includes(wildcardOver(name))).sort();
}

const isWildcard = (name: string): boolean => name.startsWith('*.');

const tagOf = ({ certPem }: Certificate): string => fingerprint(certPem).slice(0, 16);

const wildcardOver = (name: string): string => `*${name.slice(name.indexOf('.'))}`;

const pemOf = ({ certPem, keyPem }: Certificate): string => `${certPem.trimEnd()}\n${keyPem}`;

const policy = (sni: string[], tag: string): object[] =>
  sni.length === 0 ? [] : [{ match: { sni }, certificate_selection: { any_tag: [tag] } }];

/** Those that are loaded, or the others: each once, with all the names that it is to serve. */
function distinct({ certificates }: Ingress, isLoaded: boolean): Certificate[] {
  const byPem = new Map<string, Certificate>();
  for (const one of certificates) {
    if ((one.stapled ?? false) !== isLoaded) continue;
    const known = byPem.get(one.certPem)?.names ?? [];
    const all = [...new Set([...known, ...one.names.map(normalDomain)])].filter((name) => name !== '').sort();
    byPem.set(one.certPem, { ...one, names: all });
  }
  return [...byPem.values()].sort((a, b) => (a.certPem < b.certPem ? -1 : 1));
}
