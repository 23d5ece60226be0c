/**
 * What must hold between services that are deployed together: unique names, no two on one domain and path, a
 * name that is served one way, and `depends_on` that leads somewhere and not back.
 */
import { canonicalJson } from '../fingerprint.js';
import { isRouted, type ServiceSpec, serviceKey } from '../spec.js';
import type { Problem } from './problem.js';

/** A problem of one service of the set; `index` is its place in the list, the path is relative to it. */
export interface SetProblem extends Problem {
  index: number;
}

/**
 * Every clash in the set. With `complete`, the set is all there is of its projects (files are, an API call is not), so
 * that `depends_on` on something outside of it is a problem too.
 */
export function checkServiceSet(specs: readonly ServiceSpec[], options: { complete: boolean }): SetProblem[] {
  return [
    ...duplicateNames(specs),
    ...sharedRoutes(specs),
    ...sharedNames(specs),
    ...(options.complete ? unknownDependencies(specs) : []),
    ...cycles(specs),
  ];
}

function duplicateNames(specs: readonly ServiceSpec[]): SetProblem[] {
  return specs.flatMap((spec, index) => {
    const first = specs.findIndex((other) => other.name === spec.name && other.project === spec.project);
    const message = `another service of project "${spec.project}" is named "${spec.name}" already`;
    return first === index ? [] : [{ index, path: ['name'], message }];
  });
}

function sharedRoutes(specs: readonly ServiceSpec[]): SetProblem[] {
  const owners = new Map<string, ServiceSpec>();
  const problems: SetProblem[] = [];
  for (const [index, spec] of specs.entries()) {
    if (!isRouted(spec)) continue;
    for (const place of spec.domains.flatMap((domain) => spec.routes.map((route) => ({ domain, route })))) {
      const key = `${place.domain}${place.route.toLowerCase()}`;
      const owner = owners.get(key);
      if (owner === undefined) owners.set(key, spec);
      else if (owner !== spec) {
        const message = `${place.domain}${place.route} belongs to "${owner.project}/${owner.name}" already; give one of the two another domain or routes`;
        problems.push({ index, path: [spec.domains.length > 1 ? 'domains' : 'domain'], message });
      }
    }
  }
  return problems;
}

/** A name is served with TLS or without, and browsers keep one HSTS for it, whichever service they had it from. */
function sharedNames(specs: readonly ServiceSpec[]): SetProblem[] {
  const owners = new Map<string, ServiceSpec[]>();
  const problems: SetProblem[] = [];
  for (const [index, spec] of specs.entries()) {
    if (!isRouted(spec)) continue;
    for (const domain of spec.domains) {
      const others = owners.get(domain) ?? [];
      owners.set(domain, [...others, spec]);
      const key = others.flatMap((other) => disagreement(other, spec) ?? []).at(0);
      if (key !== undefined) problems.push({ index, path: [key.name], message: `${domain} ${key.message}` });
    }
  }
  return problems;
}

function disagreement(other: ServiceSpec, spec: ServiceSpec): { name: string; message: string } | null {
  const owner = `"${other.project}/${other.name}"`;
  const both = 'write the same in both and deploy them together';
  if ((other.httpOnly ?? false) !== (spec.httpOnly ?? false))
    return {
      name: 'http_only',
      message: `is served ${other.httpOnly ? 'without' : 'with'} TLS for ${owner}; ${both}`,
    };
  if (other.hsts && spec.hsts && canonicalJson(other.hsts) !== canonicalJson(spec.hsts))
    return { name: 'hsts', message: `has another hsts for ${owner}, and browsers keep one; ${both}` };
  return null;
}

function unknownDependencies(specs: readonly ServiceSpec[]): SetProblem[] {
  return specs.flatMap((spec, index) =>
    spec.dependsOn.flatMap((name, at) => {
      if (specs.some((other) => other.project === spec.project && other.name === name)) return [];
      const message = `there is no service "${name}" in project "${spec.project}"`;
      return [{ index, path: ['depends_on', at], message }];
    }),
  );
}

/** One problem a cycle, at the first service of it. */
function cycles(specs: readonly ServiceSpec[]): SetProblem[] {
  const byKey = new Map(specs.map((spec) => [serviceKey(spec.project, spec.name), spec]));
  const done = new Set<ServiceSpec>();
  const problems: SetProblem[] = [];
  const walk = (spec: ServiceSpec, trail: ServiceSpec[]): void => {
    const start = trail.indexOf(spec);
    if (start >= 0 && trail.length - start > 1) {
      const names = [...trail.slice(start), spec].map((one) => one.name).join(' → ');
      problems.push({
        index: specs.indexOf(spec),
        path: ['depends_on'],
        message: `goes in a circle: ${names}`,
      });
    }
    if (start >= 0 || done.has(spec)) return;
    for (const name of spec.dependsOn) {
      const next = byKey.get(serviceKey(spec.project, name));
      if (next) walk(next, [...trail, spec]);
    }
    done.add(spec);
  };
  for (const spec of specs) walk(spec, []);
  return problems;
}
