/**
 * Whose a name is: a token that is limited to projects brings no service under a name that a service of another project answers for, whatever
 * paths it asks for, nor under a name of another project's wildcard, of which it would take the requests. What a service has already, it keeps.
 * It is not told whose the name is.
 */
import { isRouted, type ServiceSpec, serviceKey } from '../../shared/spec.js';
import { beyond, type Holder, seesProject } from './access.js';

/** Throws NOT_ALLOWED. `others`: what is in force, or comes, of all services. */
export function refuseForeignNames(
  holder: Holder,
  specs: readonly ServiceSpec[],
  others: readonly ServiceSpec[],
): void {
  if (holder.projects === null || holder.role === 'admin') return;
  const taken = new Set(
    others
      .filter((spec) => isRouted(spec) && !seesProject(holder, spec.project))
      .flatMap(({ domains }) => domains),
  );
  if (taken.size === 0) return;
  const had = new Set(others.flatMap(placesOf));
  for (const spec of specs.filter(isRouted)) {
    for (const domain of spec.domains) {
      const wildcard = `*${domain.slice(domain.indexOf('.'))}`;
      const clash = [domain, wildcard].find((name) => taken.has(name));
      if (clash === undefined || placesOf({ ...spec, domains: [domain] }).every((place) => had.has(place)))
        continue;
      const why = clash === domain ? 'is served' : `is one of ${clash}, which is served`;
      throw beyond(holder, `${spec.name}: ${domain} ${why} for another project`);
    }
  }
}

function placesOf(spec: ServiceSpec): string[] {
  if (!isRouted(spec)) return [];
  const key = serviceKey(spec.project, spec.name);
  return spec.domains.flatMap((domain) => spec.routes.map((path) => `${key} ${domain}${path.toLowerCase()}`));
}
