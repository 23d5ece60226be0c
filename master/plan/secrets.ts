/**
 * Which value of a secret a container gets: decided when it is deployed, and kept in the release, so that a rollback and a copy
 * that is made anew get what was deployed. A name is looked up in the service's project, then among those of all. Pure.
 */
import { keyOfValue, namesIn, namesOf, secretKey } from '../../shared/secret-reference.js';
import type { BuildSpec, ContainerSpec, ServiceSpec } from '../../shared/spec.js';
import type { ServiceState } from './snapshot.js';

/** The newest value of the secret with that key, by its id; null: there is no such secret. */
export type Newest = (key: string) => string | null;

/**
 * The spec with the newest values of the secrets that it refers to, and the names that there is none of. `forCode`: what its container and the
 * steps of its build may have, where that is less than what its repository is read with.
 */
export function withSecrets(
  spec: ServiceSpec,
  newest: Newest,
  forCode: Newest = newest,
): { spec: ServiceSpec; missing: string[] } {
  const { build, missing: lacking } = builtWith(spec, newest, forCode);
  const { secrets: _, ...container } = spec.container;
  const found = namesOf(container).map((name) => ({ name, id: lookUp(spec.project, name, forCode) }));
  const own = found.filter(({ id }) => id === null).map(({ name }) => name);
  const missing = [...new Set([...own, ...lacking])];
  if (found.length === 0) return { spec: { ...spec, container, build }, missing };
  const secrets = Object.fromEntries(found.flatMap(({ name, id }) => (id === null ? [] : [[name, id]])));
  return { spec: { ...spec, container: { ...container, secrets }, build }, missing };
}

/** The build with the values that it needs now. */
function builtWith(
  { project, build }: ServiceSpec,
  newest: Newest,
  forCode: Newest,
): { build: BuildSpec | null; missing: string[] } {
  if (build === null) return { build, missing: [] };
  const { secrets: _, ...plain } = build;
  const inSteps = new Set(Object.values(build.mounted ?? {}).flatMap(namesIn));
  const found = namesOfBuild(build).map((name) => {
    const may = inSteps.has(name) ? forCode : newest;
    return { name, id: lookUp(project, name, may) };
  });
  const missing = found.flatMap(({ name, id }) => (id === null ? [name] : []));
  const secrets = Object.fromEntries(found.flatMap(({ name, id }) => (id === null ? [] : [[name, id]])));
  return { build: found.length === 0 ? plain : { ...plain, secrets }, missing };
}

/** The names of the secrets that a build needs: for its repository, and in its steps. */
export const namesOfBuild = ({ deployKey, token, mounted = {} }: BuildSpec): string[] => [
  ...new Set(
    [deployKey, token, ...Object.values(mounted)].flatMap((reference) =>
      reference ? namesIn(reference) : [],
    ),
  ),
];

function lookUp(project: string, name: string, newest: Newest): string | null {
  return newest(secretKey(project, name)) ?? newest(secretKey(null, name));
}

/** Ids of all values that may be needed again: by what runs, what is under way, and what can be rolled back to. */
export function heldValues(states: readonly ServiceState[]): ReadonlySet<string> {
  return new Set(
    states.flatMap((state) => [
      ...state.releases.flatMap(({ spec }) => idsOf(spec.container)),
      ...standing(state).flatMap(idsOf),
      ...buildsOf(state).flatMap(({ secrets }) => Object.values(secrets ?? {})),
    ]),
  );
}

export interface SecretUse {
  /** `project/name` of the service. */
  service: string;
  /** Something of it has an older value than a deploy would get. */
  isOutdated: boolean;
}

/** By the key of a secret, the services that have a value of it, or would have with their next deploy. */
export function usesOf(
  states: readonly ServiceState[],
  newest: Newest,
): ReadonlyMap<string, readonly SecretUse[]> {
  const uses = new Map<string, SecretUse[]>();
  for (const state of states.filter(({ service }) => service.desired !== 'removed')) {
    const { held, wanted } = valuesOf(state, newest);
    for (const key of new Set([...held, ...wanted].map(keyOfValue))) {
      const isOther = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
        [...a].some((id) => keyOfValue(id) === key && !b.has(id));
      const isOutdated = isOther(held, wanted) || isOther(wanted, held);
      uses.set(key, [...(uses.get(key) ?? []), { service: state.service.key, isOutdated }]);
    }
  }
  return uses;
}

/** The values that are in what runs or is to, and those that it would be deployed with now. */
function valuesOf(
  state: ServiceState,
  newest: Newest,
): { held: ReadonlySet<string>; wanted: ReadonlySet<string> } {
  const containers = inForce(state);
  const names = new Set(containers.flatMap(namesOf));
  const find = (name: string): string[] => [lookUp(state.service.project, name, newest) ?? []].flat();
  // The next build gets the newest whatever it was built with before: nothing has to be deployed for that.
  const toBuild = buildsOf(state).flatMap(namesOfBuild).flatMap(find);
  const wanted = [...[...names].flatMap(find), ...toBuild];
  return { held: new Set([...containers.flatMap(idsOf), ...toBuild]), wanted: new Set(wanted) };
}

/** What runs, or is to: of the releases that serve or come, and that have a copy. */
function inForce(state: ServiceState): ContainerSpec[] {
  const { planned } = state.service;
  const numbers = new Set<number | null>([
    planned.stable,
    planned.tolerated,
    ...state.allocations.map(({ release }) => release),
  ]);
  const releases = state.releases.filter(({ number }) => numbers.has(number));
  return [...releases.map(({ spec }) => spec.container), ...standing(state)];
}

/** Of the open rollout, what it may go back to, and the service where no release of it is there yet. */
function standing({ service, rollout }: ServiceState): ContainerSpec[] {
  const specs = [
    rollout?.spec,
    rollout?.undo?.spec,
    rollout?.replaces?.spec,
    rollout?.replaces?.undo?.spec,
    service.planned.stable === null ? service.spec : undefined,
  ];
  return specs.flatMap((spec) => (spec === undefined ? [] : [spec.container]));
}

/** What is built, or would be with the next push. */
const buildsOf = ({ service, rollout }: ServiceState): BuildSpec[] =>
  [service.spec.build, rollout?.spec.build, rollout?.undo?.spec.build].flatMap((build) => build ?? []);

const idsOf = ({ secrets }: ContainerSpec): string[] => Object.values(secrets ?? {});
