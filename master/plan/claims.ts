/** What the agents of held nodes say of their allocations, and what of it can't be taken as it is. Pure. */
import type { AllocationAssignment, Recalled } from '../../shared/protocol.js';
import type { ServiceKey } from '../../shared/spec.js';
import { readOrigin } from './origin.js';
import { type Copy, keyOf } from './rebuild.js';

/** A held node, and what its agent says. */
export interface Claim {
  node: string;
  name: string;
  recalled: Recalled;
}

/** The job of a deploy whose container runs. */
export interface RunningJob {
  id: string;
  service: ServiceKey;
  node: string;
  nodeName: string;
}

interface Read {
  copies: Copy[];
  jobs: RunningJob[];
  conflicts: string[];
}

export function readClaims(claims: readonly Claim[]): Read {
  const read = claims.map(readClaim);
  return {
    copies: read.flatMap(({ copies }) => copies),
    jobs: read.flatMap(({ jobs }) => jobs),
    conflicts: read.flatMap(({ conflicts }) => conflicts),
  };
}

function readClaim(claim: Claim): Read {
  const { node, name, recalled } = claim;
  const { assignment, labelled, containers, problem } = recalled;
  if (problem !== null) return { copies: [], jobs: [], conflicts: [`${name}: ${problem}`] };
  const all = assignment?.allocations ?? labelled;
  const alive = new Set(containers.flatMap((c) => (c.isAlive ? [c.allocation] : [])));
  const jobs = all.filter(({ group, id }) => group === 'job' && alive.has(id));
  const read = all.filter(({ group }) => group !== 'job').map((one) => copyOf(one, claim));
  const known = new Set(all.map(({ id }) => id));
  // Beside a remembered assignment they are being removed already.
  const nameless = assignment === null ? [...alive].filter((id) => !known.has(id)) : [];
  return {
    copies: read.flatMap((copy) => (typeof copy === 'string' ? [] : [copy])),
    jobs: jobs.map((job) => ({ id: job.id, service: keyOf(job), node, nodeName: name })),
    conflicts: [
      ...read.filter((copy) => typeof copy === 'string'),
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
    counter: recalled.assignment?.counters?.[keyOf(allocation)] ?? 1,
    isLabelled: recalled.assignment === null,
    observed: recalled.observed.find(({ id }) => id === allocation.id) ?? null,
  };
}
