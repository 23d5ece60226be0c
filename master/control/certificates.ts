/**
 * Keeps a certificate of Orca's own CA for each domain that is served, and one for names nobody asked for: 90 days,
 * renewed when two thirds have passed. Keys are sealed in the store. What a certificate is no longer wanted for is
 * dropped.
 */

import { isRouted } from '../../shared/spec.js';
import type { IngressSettings } from '../plan/assignments.js';
import { inheritedBy } from '../plan/routes.js';
import type { ServiceState } from '../plan/snapshot.js';
import { bindOfRow } from '../store/sealed.js';
import type { Store } from '../store/store.js';
import { FALLBACK_NAME, type SiteCertificate } from '../store/tables.js';
import type { Transaction } from '../store/transaction.js';

type Certificate = IngressSettings['fallbackCertificate'];

/** What this needs of the cluster's CA. */
export interface SiteIssuer {
  issueServer(
    names: string[],
    nowMs: number,
  ): Omit<SiteCertificate, 'name' | 'sealedKey'> & { keyPem: string };
  /** Null: not of this CA, or not with that key. */
  datesOfSite(certPem: string, keyPem: string): { notBeforeMs: number; notAfterMs: number } | null;
  seal(plain: string, bind: string): string;
  unseal(sealed: string, bind: string): string;
}

/** Where certificates come from that are better than the cluster's own. */
export interface CertificateSource {
  /** The one to serve for the name; null: it has none. Equal until it changes, so that nothing is loaded anew. */
  find(name: string): Certificate | null;
}

export interface Certificates {
  /** Issues and renews what is wanted now, and drops the rest. */
  ensure(services: readonly ServiceState[], nowMs: number): void;
  /** Takes over what an ingress serves already: another certificate would load its configuration. */
  adopt(tx: Transaction, served: readonly Certificate[], fallback: Certificate | null): void;
  /** A better one has come or gone: `byDomain` is made anew. */
  changed(): void;
  /** Usable certificates by domain: of the first source that has one, else of the cluster's CA. */
  byDomain(): ReadonlyMap<string, Certificate>;
  /** Names that have one of somebody else than the cluster's CA. */
  trusted(): ReadonlySet<string>;
  fallback(): Certificate;
}

export function createCertificates(
  store: Store,
  issuer: SiteIssuer,
  sources: readonly CertificateSource[] = [],
  /** Names that are served beside those of services. */
  more: () => readonly string[] = () => [],
): Certificates {
  const opened = new Map<string, { sealedKey: string; certificate: Certificate }>();
  /** Made anew when `ensure`, the only writer of certificates, has written. */
  let known: { domains: Map<string, Certificate>; trusted: Set<string> } | null = null;
  const open = ({ name, certPem, sealedKey }: SiteCertificate): Certificate => {
    const before = opened.get(name);
    if (before?.sealedKey === sealedKey) return before.certificate;
    const certificate = { names: [name], certPem, keyPem: issuer.unseal(sealedKey, bindOf(name)) };
    opened.set(name, { sealedKey, certificate });
    return certificate;
  };
  /** Its key was sealed in another home, or is damaged: another one is issued. */
  const isShut = (certificate: SiteCertificate | undefined): boolean => {
    try {
      if (certificate) open(certificate);
      return false;
    } catch {
      return true;
    }
  };
  const better = (name: string): Certificate | null => {
    for (const source of sources) {
      const found = source.find(name);
      if (found) return found;
    }
    return null;
  };
  const served = (): NonNullable<typeof known> => {
    if (known) return known;
    known = { domains: new Map(), trusted: new Set() };
    for (const own of store.certificates()) {
      if (own.name === FALLBACK_NAME) continue;
      const found = better(own.name);
      known.domains.set(own.name, found ?? open(own));
      if (found) known.trusted.add(own.name);
    }
    return known;
  };
  return {
    ensure(services, nowMs) {
      const wanted = new Set([FALLBACK_NAME, ...more(), ...wantedNames(services)]);
      const present = new Map(store.certificates().map((c) => [c.name, c]));
      const due = [...wanted].filter((name) => isDue(present.get(name), nowMs) || isShut(present.get(name)));
      const dropped = [...present.keys()].filter((name) => !wanted.has(name));
      if (due.length === 0 && dropped.length === 0) return;
      const issued = due.map((name) => issue(issuer, name, nowMs));
      store.write((tx) => {
        for (const certificate of issued) tx.putCertificate(certificate);
        for (const name of dropped) tx.deleteCertificate(name);
      });
      for (const name of dropped) opened.delete(name);
      known = null;
    },
    adopt(tx, served, fallback) {
      const named = served.flatMap((one) => one.names.map((name) => ({ name, ...one })));
      for (const { name, certPem, keyPem } of [
        ...named,
        ...(fallback ? [{ name: FALLBACK_NAME, ...fallback }] : []),
      ]) {
        const dates = issuer.datesOfSite(certPem, keyPem);
        const sealedKey = issuer.seal(keyPem, bindOf(name));
        if (dates) tx.putCertificate({ name, certPem, sealedKey, ...dates });
      }
      known = null;
    },
    byDomain: () => served().domains,
    trusted: () => served().trusted,
    changed() {
      known = null;
    },
    fallback() {
      const stored = store.certificate(FALLBACK_NAME);
      if (!stored) throw new Error('the fallback certificate is made by ensure');
      return open(stored);
    },
  };
}

/** What the key of a name is sealed for. */
const bindOf = (name: string): string => bindOfRow('certificates', name, 'sealedKey');

/** The domains that services are served under with TLS, or are about to be. */
export function wantedNames(services: readonly ServiceState[]): Set<string> {
  const names = new Set<string>();
  // Also of a service that is being removed: while it drains it is still served.
  for (const { service, rollout } of services)
    if (isRouted(service.spec) && !service.spec.httpOnly)
      for (const domain of [...service.spec.domains, ...inheritedBy({ rollout })]) names.add(domain);
  return names;
}

function isDue(certificate: SiteCertificate | undefined, nowMs: number): boolean {
  if (!certificate) return true;
  const life = certificate.notAfterMs - certificate.notBeforeMs;
  return nowMs > certificate.notBeforeMs + (life * 2) / 3;
}

function issue(issuer: SiteIssuer, name: string, nowMs: number): SiteCertificate {
  const { certPem, keyPem, notBeforeMs, notAfterMs } = issuer.issueServer([name], nowMs);
  return { name, certPem, sealedKey: issuer.seal(keyPem, bindOf(name)), notBeforeMs, notAfterMs };
}
