/**
 * What must hold between services that are deployed together: unique names, no two on one domain and path, a
 * name that is served one way, and `depends_on` that leads somewhere and not back.
 */
import { canonicalJson } from '../fingerprint.js';
import { isRouted, type ServiceSpec, serviceKey } from '../spec.js';
import { MAX_CALL_PLACES, MAX_PROJECT_PLACES } from './limits.js';
import type { Problem } from './problem.js';

/** A problem of one service of the set; `index` is its place in the list, the path is relative to it. */
export interface SetProblem extends Problem {
  index: number;
}

/**
 * Every clash in the set. With `complete`, the set is all there is of its projects (files are, an API call is not), so
 * that `depends_on` on something outside of it is a problem too.
 */
export function checkServiceSet(specs: readonly ServiceSpec[], options: SetOptions): SetProblem[] {
  const many = tooManyPlaces(specs, options.from ?? 0);
  if (many.length > 0) return many;
  return [
    ...duplicateNames(specs),
    ...sharedRoutes(specs),
    ...sharedNames(specs),
    ...(options.complete ? unknownDependencies(specs) : []),
    ...cycles(specs),
  ];
}

export interface SetOptions {
  complete: boolean;
  /** Those before it are in force already. */
  from?: number;
}

/** Nothing else is asked then: each place costs. What is in force of a service and what comes into force are one. */
function tooManyPlaces(specs: readonly ServiceSpec[], from: number): SetProblem[] {
  const ofService = new Map<string, number>();
  const ofProject = new Map<string, number>();
  const problems: SetProblem[] = [];
  let brought = 0;
  for (const [index, spec] of specs.entries()) {
    const key = serviceKey(spec.project, spec.name);
    const more = Math.max(0, spec.domains.length * spec.routes.length - (ofService.get(key) ?? 0));
    const count = (ofProject.get(spec.project) ?? 0) + more;
    ofService.set(key, (ofService.get(key) ?? 0) + more);
    ofProject.set(spec.project, count);
    if (index < from || more === 0) continue;
    brought += more;
    if (brought > MAX_CALL_PLACES) {
      const message = `with it ${brought} places, domains times routes, are deployed at once; ${MAX_CALL_PLACES} may be: deploy them one after the other`;
      return [{ index, path: ['routes'], message }];
    }
    if (count <= MAX_PROJECT_PLACES) continue;
    const message = `with it the services of project "${spec.project}" have ${count} places, domains times routes; they may have ${MAX_PROJECT_PLACES}`;
    problems.push({ index, path: ['routes'], message });
  }
  return problems;
}

function duplicateNames(specs: readonly ServiceSpec[]): SetProblem[] {
  const seen = new Set<string>();
  return specs.flatMap((spec, index) => {
    const key = serviceKey(spec.project, spec.name);
    const message = `another service of project "${spec.project}" is named "${spec.name}" already`;
    if (seen.has(key)) return [{ index, path: ['name'], message }];
    seen.add(key);
    return [];
  });
}

function sharedRoutes(specs: readonly ServiceSpec[]): SetProblem[] {
  const owners = new Map<string, ServiceSpec>();
  const problems: SetProblem[] = [];
  for (const [index, spec] of specs.entries()) {
    if (!isRouted(spec)) continue;
    for (const domain of spec.domains)
      for (const route of spec.routes) {
        const key = `${domain}${route.toLowerCase()}`;
        const owner = owners.get(key);
        if (owner === undefined) owners.set(key, spec);
        else if (owner !== spec) {
          const message = `${domain}${route} belongs to "${owner.project}/${owner.name}" already; give one of the two another domain or routes`;
          problems.push({ index, path: [spec.domains.length > 1 ? 'domains' : 'domain'], message });
        }
      }
  }
  return problems;
}

/** A name is served with TLS or without, and browsers keep one HSTS for it, whichever service they had it from. */
function sharedNames(specs: readonly ServiceSpec[]): SetProblem[] {
  /** By domain the first of each way that it is served in: others of that way agree with it. */
  const owners = new Map<string, Map<string, ServiceSpec>>();
  const problems: SetProblem[] = [];
  for (const [index, spec] of specs.entries()) {
    if (!isRouted(spec)) continue;
    const way = `${spec.httpOnly ?? false} ${canonicalJson(spec.hsts ?? null)}`;
    for (const domain of spec.domains) {
      const others = owners.get(domain) ?? new Map<string, ServiceSpec>();
      const key = firstDisagreement(others.values(), spec);
      if (key !== null) problems.push({ index, path: [key.name], message: `${domain} ${key.message}` });
      if (!others.has(way)) others.set(way, spec);
      owners.set(domain, others);
    }
  }
  return problems;
}

function firstDisagreement(
  others: Iterable<ServiceSpec>,
  spec: ServiceSpec,
): ReturnType<typeof disagreement> {
  for (const other of others) {
    const found = disagreement(other, spec);
    if (found !== null) return found;
  }
  return null;
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
  const known = new Set(specs.map(({ project, name }) => serviceKey(project, name)));
  return specs.flatMap((spec, index) =>
    spec.dependsOn.flatMap((name, at) => {
      if (known.has(serviceKey(spec.project, name))) return [];
      const message = `there is no service "${name}" in project "${spec.project}"`;
      return [{ index, path: ['depends_on', at], message }];
    }),
  );
}

/** One problem a cycle, at the first service of it. Without recursion: a chain may be as long as there are services. */
function cycles(specs: readonly ServiceSpec[]): SetProblem[] {
  const places = new Map<string, number>();
  for (const [index, spec] of specs.entries()) places.set(serviceKey(spec.project, spec.name), index);
  const done = new Set<number>();
  /** The way here, how far each has been followed, and where on it a service is. */
  const trail: { at: number; next: number }[] = [];
  const onTrail = new Map<number, number>();
  const problems: SetProblem[] = [];
  const nameOf = ({ at }: { at: number }): string => specs[at]?.name ?? '';
  const enter = (at: number): void => {
    const start = onTrail.get(at);
    if (start !== undefined && trail.length - start > 1) {
      const names = [...around(trail, start).map(nameOf), nameOf({ at })];
      problems.push({ index: at, path: ['depends_on'], message: `goes in a circle: ${names.join(' → ')}` });
    }
    if (start !== undefined || done.has(at)) return;
    onTrail.set(at, trail.length);
    trail.push({ at, next: 0 });
  };
  for (const first of specs.keys()) {
    enter(first);
    for (let here = trail.at(-1); here !== undefined; here = trail.at(-1)) {
      const spec = specs[here.at];
      const name = spec?.dependsOn[here.next++];
      if (spec === undefined || name === undefined) {
        trail.pop();
        onTrail.delete(here.at);
        done.add(here.at);
      } else {
        const next = places.get(serviceKey(spec.project, name));
        if (next !== undefined) enter(next);
      }
    }
  }
  return problems;
}

const MAX_NAMES = 20;

/** The circle, without its middle where that is long. */
const around = <T>(trail: readonly T[], start: number): T[] =>
  trail.length - start <= MAX_NAMES
    ? trail.slice(start)
    : [...trail.slice(start, start + MAX_NAMES - 1), ...trail.slice(-1)];
