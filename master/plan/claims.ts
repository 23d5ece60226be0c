/** What the agents of held nodes say of their allocations, and what of it can't be taken as it is. Pure. */
import type { AllocationAssignment, Recalled } from '../../shared/protocol.js';
import { readOrigin } from './origin.js';
import { type Copy, keyOf } from './rebuild.js';

/** A held node, and what its agent says. */
export interface Claim {
  node: string;
  name: string;
  recalled: Recalled;
}

export function readClaims(claims: readonly Claim[]): { copies: Copy[]; conflicts: string[] } {
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
    counter: recalled.assignment?.counters?.[keyOf(allocation)] ?? 1,
    isLabelled: recalled.assignment === null,
    observed: recalled.observed.find(({ id }) => id === allocation.id) ?? null,
  };
}
