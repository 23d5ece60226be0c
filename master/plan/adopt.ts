/**
 * What it comes to when this master takes over what runs on held nodes: services, releases, rollouts and allocations built
 * again from what their agents say, and what of it can't be known, or is claimed twice. Pure. Promises: nothing is guessed;
 * what is taken over is assigned exactly as it was, so that no container is touched.
 */
import type { AllocationAssignment, Recalled } from '../../shared/protocol.js';
import { readOrigin } from './origin.js';
import { atRest, type Copies, type Copy, keyOf, type Rebuilt, rebuild } from './rebuild.js';
import { releaseFingerprint } from './releases.js';
import { type RememberedCertificate, rememberedIngress } from './remembered.js';
import { supersede } from './requests.js';
import type { ServiceState } from './snapshot.js';
import { missingOf } from './unknown-copies.js';

/** A held node, and what its agent says. */
export interface Claim {
  node: string;
  name: string;
  recalled: Recalled;
}

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
  const claimed = new Set(claims.map(({ node }) => node));
  const { copies, conflicts } = readAll(claims);
  const before = new Map(states.map((state) => [state.service.key, state]));
  const ingress = claims.flatMap(({ recalled }) => rememberedIngress(recalled.assignment) ?? []);
  const byService = grouped(copies);
  const routes = ingress.flatMap(({ routes: all }) => all);
  const changed = [...byService].filter(([key, own]) => !isKnown(own, before.get(key) ?? null));
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
    idle: states.flatMap((state) => idleOf(state, byService, claimed, nowMs)),
    certificates: {
      served: ingress.flatMap(({ certificates }) => certificates),
      fallback: ingress[0]?.fallbackCertificate ?? null,
    },
    conflicts: [...conflicts, ...doubles(copies, states, claimed), ...differing(byService, before)],
    missing: [
      ...services.flatMap(({ missing }) => missing),
      ...new Set(strange.map(({ service, domains }) => strangeWords(service, domains))),
    ],
  };
}

const strangeWords = (service: string, domains: readonly string[]): string =>
  `${service} (${domains.join(', ')}) is served, and none of its copies is on a node that is here: its name will not be served until they are adopted, or it is deployed`;

/* ---- what agents say --------------------------------------------------------------------------------------------- */

function readAll(claims: readonly Claim[]): { copies: Copy[]; conflicts: string[] } {
  const read = claims.map(readClaim);
  return {
    copies: read.flatMap(({ copies }) => copies),
    conflicts: read.flatMap(({ conflicts }) => conflicts),
  };
}

function readClaim(claim: Claim): { copies: Copy[]; conflicts: string[] } {
  const { name, recalled } = claim;
  const { assignment, labelled, containers, problem } = recalled;
  if (problem !== null) return { copies: [], conflicts: [`${name}: ${problem}`] };
  const all = assignment?.allocations ?? labelled;
  const alive = new Set(containers.flatMap((c) => (c.isAlive ? [c.allocation] : [])));
  const jobs = all.filter(({ group, id }) => group === 'job' && alive.has(id));
  const read = all.filter(({ group }) => group !== 'job').map((one) => copyOf(one, claim));
  const known = new Set(all.map(({ id }) => id));
  // Beside a remembered assignment they are being removed already.
  const nameless = assignment === null ? [...alive].filter((id) => !known.has(id)) : [];
  return {
    copies: read.flatMap((copy) => (typeof copy === 'string' ? [] : [copy])),
    conflicts: [
      ...read.filter((copy) => typeof copy === 'string'),
      ...jobs.map(
        ({ id }) => `${id} on ${name} is the job of a deploy under way: adopt again when it has ended`,
      ),
      ...nameless.map(
        (id) => `${name} runs ${id || 'a container'}, whose labels do not say what it was made from`,
      ),
    ],
  };
}

/** Or why it is none. */
function copyOf(allocation: AllocationAssignment, { node, name, recalled }: Claim): Copy | string {
  const origin = readOrigin(allocation.origin);
  if (origin === null)
    return `${allocation.id} on ${name} was assigned by another version of Orca, which did not say what of its service is in force`;
  return {
    allocation,
    origin,
    node,
    nodeName: name,
    atMs: recalled.assignment?.madeAtMs ?? origin.allocation.createdAtMs,
    isLabelled: recalled.assignment === null,
    observed: recalled.observed.find(({ id }) => id === allocation.id) ?? null,
  };
}

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
    copies: copies.filter((copy) => copy.node === node).length,
  };
}

/** Labels are of when a container was made: where the store has all of its copies, what it says of them is newer. */
function isKnown(copies: Copies, before: ServiceState | null): boolean {
  return copies.every(
    ({ isLabelled, allocation, node }) =>
      isLabelled && before?.allocations.some((row) => row.id === allocation.id && row.node === node),
  );
}

/* ---- what does not go together ------------------------------------------------------------------------------------- */

/** One id on two nodes, of those that are asked or of the store. */
function doubles(
  copies: readonly Copy[],
  states: readonly ServiceState[],
  claimed: ReadonlySet<string>,
): string[] {
  const elsewhere = new Map(
    states.flatMap(({ allocations }) =>
      allocations.flatMap(({ id, node }) => (claimed.has(node) ? [] : [[id, node] as const])),
    ),
  );
  return copies.flatMap(({ allocation: { id }, node, nodeName }, at) => {
    const stored = elsewhere.get(id);
    if (stored !== undefined)
      return [`${id} runs on ${nodeName}, and this master has one of that id on ${stored}`];
    const twin = copies.find((other, i) => i < at && other.allocation.id === id && other.node !== node);
    return twin ? [`${id} runs on ${twin.nodeName} and on ${nodeName}`] : [];
  });
}

/** One number for two releases. */
function differing(
  byService: ReadonlyMap<string, Copies>,
  before: ReadonlyMap<string, ServiceState>,
): string[] {
  const found = [...byService].flatMap(([key, copies]) => {
    const marks = new Map(
      (before.get(key)?.releases ?? []).map(({ number, fingerprint }) => [
        number,
        { fingerprint, where: 'in this store' },
      ]),
    );
    return copies.flatMap(({ allocation: { release, container, imageId }, nodeName }) => {
      const fingerprint = releaseFingerprint(container, imageId);
      const known = marks.get(release);
      if (!known) marks.set(release, { fingerprint, where: `on ${nodeName}` });
      if (!known || known.fingerprint === fingerprint) return [];
      return [`v${release} of ${key} is one thing ${known.where} and another on ${nodeName}`];
    });
  });
  return [...new Set(found)];
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
