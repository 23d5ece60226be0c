/**
 * What it comes to when this master takes over what runs on held nodes: services, releases, rollouts and allocations built
 * again from what their agents say, and what of it can't be known, or is claimed twice. Pure. Promises: nothing is guessed;
 * what is taken over is assigned exactly as it was, so that no container is touched.
 */
import { differing, doubles } from './adopt-conflicts.js';
import { type Claim, type RunningJob, readClaims } from './claims.js';
import { atRest, type Copies, type Copy, keyOf, type Rebuilt, rebuild } from './rebuild.js';
import { type RememberedCertificate, rememberedIngress } from './remembered.js';
import { supersede } from './requests.js';
import type { ServiceState } from './snapshot.js';
import { missingOf } from './unknown-copies.js';

export interface Adoption {
  nodes: AdoptedNode[];
  services: AdoptedService[];
  /** Services of the store of which nothing runs any more: they are stopped, not started anew. */
  idle: Rebuilt[];
  certificates: { served: RememberedCertificate[]; fallback: RememberedCertificate | null };
  /** Why nothing can be taken over, a sentence each; empty: it can. */
  conflicts: string[];
  /** What runs, or should, on nodes that are not here: made anew or lost, if it is not waited for. */
  missing: string[];
}

export interface AdoptedNode {
  node: string;
  name: string;
  /** Where it is known from. */
  source: 'memory' | 'labels' | 'nothing';
  revision: number;
  /** Null: not known. */
  labels: Record<string, string> | null;
  cordoned: boolean;
  /** It runs a Caddy that serves; null: not known. */
  isIngress: boolean | null;
  copies: number;
}

export interface AdoptedService extends Rebuilt {
  /** Of this service. */
  missing: string[];
  /** What can't be known again, and what that means. */
  unknown: string[];
}

/** So many numbers are left to copies that nobody has heard of yet. */
const GAP = 100;

/** `states`: what the store has, all of it. */
export function adopt(claims: readonly Claim[], states: readonly ServiceState[], nowMs: number): Adoption {
  const claimed = nodesOf(claims);
  const remembering = nodesOf(claims.filter(({ recalled }) => recalled.assignment !== null));
  const { copies, jobs, conflicts } = readClaims(claims);
  const before = new Map(states.map((state) => [state.service.key, state]));
  const ingress = claims.flatMap(({ recalled }) => rememberedIngress(recalled.assignment) ?? []);
  const byService = grouped(copies);
  const routes = ingress.flatMap(({ routes: all }) => all);
  const changed = [...byService].filter(([key, own]) => !isKnown(own, before.get(key)));
  const anew = new Set(changed.map(([key]) => key));
  const going = new Set(
    jobs.filter((job) => !anew.has(job.service) && isOf(job, before.get(job.service))).map(({ id }) => id),
  );
  const services = changed.map(([key, all]): AdoptedService => {
    const own = atRest(all);
    const built = rebuild(own, before.get(key) ?? null, claimed, nowMs);
    const missing = missingOf(built.state, own, routes);
    return { ...withGap(built, missing.length > 0), missing, unknown: unknownOf(built.state) };
  });
  const strange = routes.filter(({ service }) => !byService.has(service) && !before.has(service));
  return {
    nodes: claims.map((claim) => nodeOf(claim, copies)),
    services: services.sort((a, b) => (a.state.service.key < b.state.service.key ? -1 : 1)),
    idle: states
      .filter(({ allocations }) => !allocations.some(({ id }) => going.has(id)))
      .flatMap((state) => idleOf(state, byService, remembering, nowMs)),
    certificates: {
      served: ingress.flatMap(({ certificates }) => certificates),
      fallback: ingress[0]?.fallbackCertificate ?? null,
    },
    conflicts: [...conflicts, ...doubles(copies, states, claimed), ...differing(byService, before)],
    missing: [
      ...services.flatMap(({ missing }) => missing),
      ...states.flatMap((state) =>
        deadOf(state, copies, going, (node) => claimed.has(node) && !remembering.has(node)),
      ),
      ...jobs.filter(({ id }) => !going.has(id)).map(jobWords),
      ...new Set(strange.map(({ service, domains }) => strangeWords(service, domains))),
    ],
  };
}

/** Of the rollout that the store has: where the service stays as the store has it, both go on. */
const isOf = ({ id, node }: RunningJob, before: ServiceState | undefined): boolean =>
  before !== undefined &&
  before.rollout !== null &&
  before.allocations.some((row) => row.id === id && row.node === node && row.group === 'job');

/** What it was to be followed by, nobody knows any more. */
const jobWords = ({ id, nodeName }: RunningJob): string =>
  `${id} on ${nodeName} is the job of a deploy that will not go on: its container will be stopped; wait for its end if it is to do its work`;

const strangeWords = (service: string, domains: readonly string[]): string =>
  `${service} (${domains.join(', ')}) is served, and none of its copies is on a node that is here: its name will not be served until they are adopted, or it is deployed`;

/* ---- what there is ----------------------------------------------------------------------------------------------- */

const nodesOf = (claims: readonly Claim[]): ReadonlySet<string> => new Set(claims.map(({ node }) => node));

function grouped(copies: readonly Copy[]): Map<string, Copies> {
  const groups = new Map<string, Copies>();
  for (const copy of copies) {
    const key = keyOf(copy.allocation);
    const before = groups.get(key);
    groups.set(key, before ? [...before, copy] : [copy]);
  }
  return groups;
}

function nodeOf({ node, name, recalled }: Claim, copies: readonly Copy[]): AdoptedNode {
  const { assignment, labelled } = recalled;
  const source = assignment !== null ? 'memory' : labelled.length > 0 ? 'labels' : 'nothing';
  return {
    node,
    name,
    source,
    revision: assignment?.revision ?? 0,
    labels: assignment?.node?.labels ?? null,
    cordoned: assignment?.node?.cordoned ?? false,
    isIngress: assignment && assignment.ingress !== null,
    copies: copies.filter((copy) => copy.node === node).length,
  };
}

/** Labels are of when a container was made: where the store has all of its copies, what it says of them is newer. */
function isKnown(copies: Copies, before: ServiceState | undefined): boolean {
  return copies.every(
    ({ isLabelled, allocation, node }) =>
      isLabelled && before?.allocations.some((row) => row.id === allocation.id && row.node === node),
  );
}

/** The store wants them, and no label is left of them: so far nobody says that they were replaced. */
function deadOf(
  { service, allocations }: ServiceState,
  copies: readonly Copy[],
  going: ReadonlySet<string>,
  isSearched: (node: string) => boolean,
): string[] {
  const alive = new Set(copies.map(({ allocation }) => allocation.id));
  const hasNewer = copies.some(
    ({ allocation: a }) => keyOf(a) === service.key && !allocations.some(({ id }) => id === a.id),
  );
  const dead = allocations.filter(
    ({ id, node, desired }) =>
      isSearched(node) && !alive.has(id) && !going.has(id) && (desired === 'running' || desired === 'routed'),
  );
  return hasNewer ? [] : dead.map(({ id }) => `${id} of this store does not run any more`);
}

/* ---- what is not there --------------------------------------------------------------------------------------------- */

function withGap(built: Rebuilt, isMissing: boolean): Rebuilt {
  if (!isMissing) return built;
  const { service } = built.state;
  const planned = { ...service.planned, nextAllocation: service.planned.nextAllocation + GAP };
  return { ...built, state: { ...built.state, service: { ...service, planned } } };
}

/** Earlier releases, of which agents know the images alone. */
function unknownOf({ service, releases }: ServiceState): string[] {
  const known = new Set(releases.map(({ number }) => number));
  const numbers = Array.from({ length: service.planned.nextRelease - 1 }, (_, i) => i + 1);
  const lost = numbers.filter((number) => !known.has(number)).map((number) => `v${number}`);
  return lost.length === 0 ? [] : [`${lost.join(', ')}: not kept, and no way back to`];
}

function idleOf(
  { service, releases, rollout, allocations }: ServiceState,
  byService: ReadonlyMap<string, Copies>,
  claimed: ReadonlySet<string>,
  nowMs: number,
): Rebuilt[] {
  const isAllClaimed = allocations.length > 0 && allocations.every(({ node }) => claimed.has(node));
  if (byService.has(service.key) || !isAllClaimed) return [];
  const desired = service.desired === 'removed' ? ('removed' as const) : ('stopped' as const);
  return [
    {
      state: {
        service: { ...service, desired, updatedAtMs: nowMs },
        releases,
        rollout: null,
        allocations: [],
      },
      gone: allocations.map(({ id }) => id),
      superseded: supersede(rollout, 'nothing of it ran when its nodes were adopted', nowMs),
    },
  ];
}
