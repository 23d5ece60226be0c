/** Gathers what `certificateView` needs of each name that is served, in the order of names; then uploads that serve none. */
import type { CertificateView } from '../../shared/api-certificates.js';
import type { Service } from '../../shared/model.js';
import { isRouted } from '../../shared/spec.js';
import type { Store } from '../store/store.js';
import { FALLBACK_NAME } from '../store/tables.js';
import { certificateView, unusedView } from './certificate-view.js';
import type { Certificates } from './ports.js';

export type CertificateFindings = Pick<
  Certificates,
  'own' | 'uploads' | 'refusals' | 'notPublic' | 'isOrdered' | 'wildcardOf' | 'isAcmeOff'
>;

export function certificateViews(store: Store, of: CertificateFindings, nowMs: number): CertificateView[] {
  const issued = new Map(store.certificates().map((one) => [one.name, one]));
  issued.delete(FALLBACK_NAME);
  const records = new Map(store.acmeRecords().map((record) => [record.name, record]));
  // What is served without TLS has no certificate, and wants none.
  const all = store.services().filter(({ spec }) => isRouted(spec) && !spec.httpOnly);
  const services = servicesByName(all);
  const haveFiles = new Set(all.flatMap(({ key, spec }) => (spec.tls === null ? [] : [key])));
  const refusals = of.refusals();
  // Others that ACME has a record of are served no more.
  const views = [...issued.keys()].sort().map((name) => {
    const own = services.get(name) ?? [];
    return certificateView({
      name,
      services: own,
      ca: issued.get(name) ?? null,
      acme: records.get(of.wildcardOf(name) ?? name) ?? null,
      notPublic: of.notPublic(name),
      isOrdered: of.isOrdered(name),
      isAcmeOff: of.isAcmeOff(),
      own: of.own(name),
      refused: own.flatMap((service) => {
        const problem = refusals.get(service);
        return problem ? [{ service, ...problem }] : [];
      }),
      withFiles: own.filter((service) => haveFiles.has(service) && !refusals.has(service)),
      nowMs,
    });
  });
  const used = new Set(views.map(({ from }) => from));
  const unused = of.uploads().filter(({ id }) => !used.has(id));
  return [...views, ...unused.map((own) => unusedView(own, nowMs))];
}

function servicesByName(all: readonly Service[]): Map<string, string[]> {
  const services = new Map<string, string[]>();
  for (const { key, spec } of all)
    for (const domain of spec.domains) services.set(domain, [...(services.get(domain) ?? []), key]);
  return services;
}
