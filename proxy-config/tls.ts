/**
 * PURE: which certificate a handshake for a name is shown, and how it gets to Caddy.
 *
 * Where a load of Caddy's config costs no handshake (2.6), all are loaded. Where it does, Caddy asks the resolver's process at each
 * handshake (`get_certificate`), so that another certificate is never a load: 40 loads cost 20 of 6,000 handshakes on 2.11.9, 40
 * changes of what is asked for none. That is not for all, since it has a price of its own: handshakes that are under way in the moment
 * of a load for another reason fail, as Caddy takes the question back. What names an OCSP responder is loaded everywhere, for Caddy
 * staples nothing else.
 *
 * A client that asks for an address sends no name (RFC 6066, 3): it is shown the certificate of an address, if one is served; of several the
 * one of the address that it came to (2.6), or the first.
 */
import { fingerprint } from '../shared/fingerprint.js';
import type { CaddyTraits } from './caddy-version.js';
import type { ResolverPorts } from './proxy-handler.js';
import type { Certificate, Ingress } from './route.js';
import { normalDomain } from './sites.js';

/** What the resolver's process answers; each `pem` is the chain, leaf first, with its key behind it. */
export interface CertificateTable {
  certificates: { names: string[]; pem: string }[];
  /** For every other name, or none, so that a page can be shown. */
  fallback: string;
}

/** Also of what is loaded, so that a Caddy of another version finds it there. */
export function certificateTable(ingress: Ingress): CertificateTable {
  return {
    certificates: distinct(ingress.certificates).map((one) => ({ names: one.names, pem: pemOf(one) })),
    fallback: pemOf(ingress.fallbackCertificate),
  };
}

/** By name: its own certificate before a wildcard's; whatever is asked for, there is one. */
export function certificateChooser({ certificates, fallback }: CertificateTable): (name: string) => string {
  const byName = new Map(certificates.flatMap(({ names, pem }) => names.map((name) => [name, pem] as const)));
  const [address = ''] = [...byName.keys()].filter(isAddress).sort();
  return (name) => {
    const asked = name.toLowerCase() || address;
    return byName.get(asked) ?? byName.get(wildcardOver(asked)) ?? fallback;
  };
}

/** The part of a policy by which Caddy asks. Listed twice: one question more, should the resolver have died with the first. */
export function certificateManagers(
  { certificatePort, certificateKey }: ResolverPorts,
  { servesAccepted }: CaddyTraits,
): { get_certificate?: object[] } {
  if (servesAccepted) return {};
  const manager = { via: 'http', url: `http://caddy:${certificateKey}@127.0.0.1:${certificatePort}/` };
  return { get_certificate: [manager, manager] };
}

/** Each name gets the certificate that it is to have, though another that is loaded may be valid for it too. */
export function connectionPolicies(ingress: Ingress, traits: CaddyTraits): object[] {
  const loaded = loadedOf(ingress, traits);
  const policies = (isWanted: (name: string) => boolean): object[] =>
    loaded.flatMap((one) => policy(one.names.filter(isWanted), tagOf(one)));
  const others = traits.servesAccepted ? FALLBACK : NOT_LOADED;
  return [
    ...policies((name) => !isWildcard(name)),
    ...policy(askedBelow(loaded, ingress, traits), NOT_LOADED),
    ...policies(isWildcard),
    ...(loaded.some(isOfAddress) ? policy([''], ADDRESS) : []),
    { certificate_selection: { any_tag: [others] } },
  ];
}

/** What Caddy loads, by tag. */
export function loadedCertificates(ingress: Ingress, traits: CaddyTraits): object[] {
  const pem = (one: Certificate, ...tags: string[]) => ({ certificate: one.certPem, key: one.keyPem, tags });
  const fallback = traits.servesAccepted ? [pem(ingress.fallbackCertificate, FALLBACK)] : [];
  const loaded = loadedOf(ingress, traits).map((one) =>
    pem(one, tagOf(one), ...(isOfAddress(one) ? [ADDRESS] : [])),
  );
  return [...fallback, ...loaded];
}

const FALLBACK = 'fallback';
const ADDRESS = 'address';
/** The tag of nothing that is loaded: where Caddy finds none that it may choose, it asks. */
const NOT_LOADED = 'asked-for';

const isLoaded = ({ stapled }: Certificate, { servesAccepted }: CaddyTraits): boolean =>
  servesAccepted || stapled === true;

const loadedOf = ({ certificates }: Ingress, traits: CaddyTraits): Certificate[] =>
  distinct(certificates.filter((one) => isLoaded(one, traits)));

/** Names that are asked for though a wildcard that is loaded stands over them. */
function askedBelow(loaded: Certificate[], { certificates }: Ingress, traits: CaddyTraits): string[] {
  const wild = new Set(loaded.flatMap(({ names }) => names.filter(isWildcard)));
  if (wild.size === 0) return [];
  const asked = distinct(certificates.filter((one) => !isLoaded(one, traits))).flatMap(({ names }) => names);
  return asked.filter((name) => wild.has(wildcardOver(name))).sort();
}

const isAddress = (name: string): boolean => /^(\d+\.){3}\d+$/.test(name);
const isOfAddress = ({ names }: Certificate): boolean => names.some(isAddress);

const isWildcard = (name: string): boolean => name.startsWith('*.');

const tagOf = ({ certPem }: Certificate): string => fingerprint(certPem).slice(0, 16);

const wildcardOver = (name: string): string => `*${name.slice(name.indexOf('.'))}`;

const pemOf = ({ certPem, keyPem }: Certificate): string => `${certPem.trimEnd()}\n${keyPem}`;

const policy = (sni: string[], tag: string): object[] =>
  sni.length === 0 ? [] : [{ match: { sni }, certificate_selection: { any_tag: [tag] } }];

/** Each once, with all the names that it is to serve. */
function distinct(certificates: readonly Certificate[]): Certificate[] {
  const byPem = new Map<string, Certificate>();
  for (const one of certificates) {
    const known = byPem.get(one.certPem)?.names ?? [];
    const all = [...new Set([...known, ...one.names.map(normalDomain)])].filter((name) => name !== '').sort();
    byPem.set(one.certPem, { ...one, names: all });
  }
  return [...byPem.values()].sort((a, b) => (a.certPem < b.certPem ? -1 : 1));
}
