/** PURE: which certificate a handshake for a name is shown: certificates in, that part of Caddy's JSON out. */
import { fingerprint } from '../shared/fingerprint.js';
import type { Certificate, Ingress } from './route.js';
import { normalDomain } from './sites.js';

/** Each once, with all the names that it is to serve. */
function distinct({ certificates }: Ingress): (Certificate & { tag: string })[] {
  const byPem = new Map<string, Certificate & { tag: string }>();
  for (const { certPem, keyPem, names } of certificates) {
    const known = byPem.get(certPem)?.names ?? [];
    const all = [...new Set([...known, ...names.map(normalDomain)])].filter((name) => name !== '').sort();
    byPem.set(certPem, { certPem, keyPem, names: all, tag: fingerprint(certPem).slice(0, 16) });
  }
  return [...byPem.values()].sort((a, b) => (a.certPem < b.certPem ? -1 : 1));
}

/**
 * Each name gets the certificate that it is to have, though another that is loaded may be valid for it too; every other name, or none,
 * gets the fallback's, so that a page can be shown.
 */
export function connectionPolicies(ingress: Ingress): object[] {
  const known = distinct(ingress)
    .filter(({ names }) => names.length > 0)
    .map(({ names, tag }) => ({ match: { sni: names }, certificate_selection: { any_tag: [tag] } }));
  return [...known, { certificate_selection: { any_tag: ['fallback'] } }];
}

/** All of them as Caddy loads them, by tag. */
export function loadedCertificates(ingress: Ingress): object[] {
  const pem = (c: Certificate, tag: string) => ({ certificate: c.certPem, key: c.keyPem, tags: [tag] });
  return [pem(ingress.fallbackCertificate, 'fallback'), ...distinct(ingress).map((c) => pem(c, c.tag))];
}
