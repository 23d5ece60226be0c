/**
 * One service built again from what agents say of its copies. Pure. What they say is newer than what the store says of their
 * nodes; what the store says of other nodes stands. Promises: copies keep their ids, slots, groups and releases, nothing that
 * was on its way out comes back, and the counters go on above everything seen.
 */
import type { Allocation, AllocationDesired, Planned, Release, Rollout } from '../../shared/model.js';
import type { AllocationAssignment, AllocationObserved, Group } from '../../shared/protocol.js';
import { isRouted } from '../../shared/spec.js';
import { type Origin, settingsWith } from './origin.js';
import { releaseFingerprint } from './releases.js';
import { supersede } from './requests.js';
import { numberOf } from './seen.js';
import type { ServiceState } from './snapshot.js';

/** An allocation as the agent of its node says it is; never a job. */
export interface Copy {
  allocation: AllocationAssignment;
  origin: Origin;
  node: string;
  nodeName: string;
  /** When what is said of its service was made, ms: the newest holds for all. */
  atMs: number;
  /** The number of the next allocation, as far as its node knows. */
  counter: number;
  /** Known by the label of its container alone, which is of before it was routed. */
  isLabelled: boolean;
  observed: AllocationObserved | null;
}

export type Copies = readonly [Copy, ...Copy[]];

export interface Rebuilt {
  state: ServiceState;
  /** Ids of rows of the store that are not there any more. */
  gone: string[];
  /** The store's open rollout as it ends; null: there was none, or it goes on. */
  superseded: Rollout | null;
}

/** `before`: as the store has it. `claimed`: the nodes whose agents were asked. */
export function rebuild(
  copies: Copies,
  before: ServiceState | null,
  claimed: ReadonlySet<string>,
  nowMs: number,
): Rebuilt {
  const { origin, allocation } = newestOf(copies);
  const { project, service: name } = allocation;
  const key = keyOf(allocation);
  const releases = releasesOf(copies, origin, before);
  const staying = (before?.allocations ?? []).filter(({ node }) => !claimed.has(node));
  const rollout = rolloutOf(key, origin, releases, before, nowMs);
  const allocations = [...staying, ...copies.map((copy) => allocationOf(copy, rollout, before))];
  const counter = Math.max(
    ...copies.map((copy) => copy.counter),
    before?.service.planned.nextAllocation ?? 1,
  );
  const planned = plannedOf(origin, releases, allocations, counter);
  const { spec, replicas } = settingsWith(
    origin.settings,
    inForce(releases, planned, rollout).spec.container,
  );
  const { desired, maintenance, createdAtMs } = origin;
  const ids = new Set(allocations.map(({ id }) => id));
  const open = before?.rollout ?? null;
  return {
    state: {
      service: {
        ...{ key, project, name, spec, replicas, desired, maintenance, planned, createdAtMs },
        updatedAtMs: nowMs,
      },
      releases: [...releases.values()].sort((a, b) => a.number - b.number),
      rollout,
      allocations,
    },
    gone: (before?.allocations ?? []).flatMap(({ id }) => (ids.has(id) ? [] : [id])),
    superseded: open?.id === rollout?.id ? null : supersede(open, 'what runs was adopted', nowMs),
  };
}

/** Where labels alone are known and one release alone runs, that is the stable one: what was under way when they were made is over. */
export function atRest(copies: Copies): Copies {
  const [first, ...others] = copies;
  const { release } = first.allocation;
  if (![first, ...others].every((copy) => copy.isLabelled && copy.allocation.release === release))
    return copies;
  const settle = (copy: Copy): Copy => ({
    ...copy,
    allocation: { ...copy.allocation, group: 'stable' },
    origin: { ...copy.origin, rollout: null, stable: release, canaryWeight: 0 },
  });
  return [settle(first), ...others.map(settle)];
}

export const keyOf = ({ project, service }: AllocationAssignment): string => `${project}/${service}`;

/** What holds for the service. */
export function newestOf(copies: Copies): Copy {
  return copies.reduce((newest, copy) => (copy.atMs > newest.atMs ? copy : newest));
}

type Releases = ReadonlyMap<number, Release>;

/** Those of the store, and those that run. */
function releasesOf(copies: Copies, { settings }: Origin, before: ServiceState | null): Releases {
  const releases = new Map((before?.releases ?? []).map((release) => [release.number, release]));
  for (const { allocation, origin } of copies) {
    const { release: number, container, imageId } = allocation;
    if (releases.has(number)) continue;
    releases.set(number, {
      service: keyOf(allocation),
      number,
      spec: settingsWith(settings, container).spec,
      image: { ...origin.image, id: imageId },
      fingerprint: releaseFingerprint(container, imageId),
      createdAtMs: origin.allocation.createdAtMs,
    });
  }
  return releases;
}

const order: readonly AllocationDesired[] = ['running', 'routed', 'draining', 'stopped'];

function allocationOf(copy: Copy, rollout: Rollout | null, before: ServiceState | null): Allocation {
  const { allocation, origin, node, observed } = copy;
  const { id, slot, release } = allocation;
  const group = groupOf(copy, rollout);
  const stored = before?.allocations.find((row) => row.id === id);
  // The store may have given it up since: what it wants of an allocation never moves back.
  const wants = [desiredOf(copy), stored?.desired ?? 'running'];
  const desired = order.findLast((one) => wants.includes(one)) ?? 'running';
  const { createdAtMs, drainingSinceMs } = origin.allocation;
  const rest = { createdAtMs, drainingSinceMs: drainingSinceMs ?? stored?.drainingSinceMs ?? null, observed };
  return { id, service: keyOf(allocation), slot, group, release, node, desired, ...rest };
}

/** A label says which group a container was made for: a canary that was promoted since is stable. */
function groupOf({ allocation, isLabelled }: Copy, rollout: Rollout | null): Group {
  const isCanary = rollout !== null && rollout.canary !== null && rollout.release === allocation.release;
  return isLabelled && allocation.group === 'canary' && !isCanary ? 'stable' : allocation.group;
}

function desiredOf({ allocation, origin, isLabelled }: Copy): AllocationDesired {
  if (allocation.desired === 'stopped') return 'stopped';
  const { spec } = settingsWith(origin.settings, allocation.container);
  return isLabelled && isRouted(spec) ? 'routed' : origin.allocation.desired;
}

/** Goes on where it was, if what it brings is known; its deadlines begin anew. */
function rolloutOf(
  service: string,
  { rollout: kept, settings, stable }: Origin,
  releases: Releases,
  before: ServiceState | null,
  nowMs: number,
): Rollout | null {
  const brought = kept === null ? undefined : releases.get(kept.release ?? 0);
  if (kept === null || brought === undefined) return null;
  const served = releases.get(kept.from ?? stable ?? 0) ?? brought;
  const stored = before?.rollout?.id === kept.id ? before.rollout : null;
  const { spec, replicas } = settingsWith(settings, brought.spec.container);
  const fresh = { brokenSinceMs: null, inForceSinceMs: null, window: null, badInARow: 0 };
  return {
    ...{ reason: 'adopted', replaces: null, node: null, endedAtMs: null, failure: null, acts: [] },
    ...stored,
    ...kept,
    service,
    spec: { ...spec, replicas },
    undo: kept.undo && settingsWith(kept.undo, served.spec.container),
    canary: kept.canary && { ...fresh, verdicts: stored?.canary?.verdicts ?? [], ...kept.canary },
    progressAtMs: nowMs,
  };
}

function plannedOf(
  { stable, tolerated, previous, canaryWeight, nextRelease }: Origin,
  releases: Releases,
  allocations: readonly Allocation[],
  counter: number,
): Planned {
  const known = (number: number | null): number | null =>
    number !== null && releases.has(number) ? number : null;
  const served = allocations.filter(({ group }) => group === 'stable').map(({ release }) => release);
  const highest = greatest(allocations.map(({ id }) => numberOf(id)));
  return {
    // A first rollout has none yet; where the one that serves is not known, the newest that runs is kept.
    stable:
      stable === null ? null : (known(stable) ?? greatest(served.length > 0 ? served : releases.keys())),
    tolerated: known(tolerated),
    previous: known(previous),
    canaryWeight,
    nextRelease: Math.max(nextRelease, greatest(releases.keys()) + 1),
    nextAllocation: Math.max(highest + 1, counter),
    lastFailure: null,
    waits: [],
  };
}

/** As many as nodes say there are: too many to be arguments. */
function greatest(numbers: Iterable<number>): number {
  let found = Number.NEGATIVE_INFINITY;
  for (const number of numbers) found = Math.max(found, number);
  return found;
}

/** The release whose container stands in the service: the one that comes, unless it goes back; else the one that serves. */
function inForce(releases: Releases, { stable }: Planned, rollout: Rollout | null): Release {
  const number =
    rollout === null ? stable : rollout.state === 'rolling_back' ? rollout.from : rollout.release;
  const found = releases.get(number ?? 0) ?? [...releases.values()].at(-1);
  if (found === undefined) throw new Error('a service with a copy has a release');
  return found;
}
