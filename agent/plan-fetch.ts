/** PURE: how an image that no registry has comes here, and what is said of it meanwhile. */
import type { CarryFetch, CarryObserved } from '../shared/carry.js';
import type { AllocationAssignment, Assignment } from '../shared/protocol.js';
import { registryOf } from '../shared/registry-host.js';
import type { Facts } from './facts.js';
import { imageKey, type Step } from './step.js';

export interface Fetching {
  /** Also looks whether somebody has loaded it here meanwhile. */
  step: Step;
  words: string;
}

/** Null: it is no image that is carried; or no node has it, and its registry may be asked after all. */
export function planFetch(
  { imageId, container }: Pick<AllocationAssignment, 'imageId' | 'container'>,
  { carry, doing, failures, keep }: Pick<Facts, 'carry' | 'doing' | 'failures' | 'keep'>,
): Fetching | null {
  if (!carry.watch.includes(imageId)) return null;
  const known = carry.fetch.find((one) => one.imageId === imageId);
  if (known?.isNowhere && container.pull !== 'never') return null;
  const wanted = known ?? {
    ...{ imageId, ref: container.image, sources: [] },
    reason: 'the master looks for a node that has it',
  };
  const key = imageKey(imageId);
  const tags = keep.filter((one) => one.imageId === imageId).map(({ tag }) => tag);
  const words = doing.get(key) ?? failures.get(key)?.message ?? fetchWords(wanted);
  return { step: { kind: 'fetch-image', key, wanted, tags }, words };
}

/** What is said before anything has been tried. */
export function fetchWords({ ref, sources, reason, from }: CarryFetch): string {
  if (from !== undefined) return `fetching ${ref} from ${registryOf(from)}`;
  return sources.length > 0
    ? `fetching ${ref} from ${sources.map(({ name }) => name).join(', ')}`
    : `${ref} is not on this node; ${reason ?? 'no other node has it'}`;
}

/** What the master is told of the images that it watches. */
export function carryObserved(
  { allocations }: Assignment,
  { carry, tags, missing }: Pick<Facts, 'carry' | 'tags' | 'missing'>,
): Pick<CarryObserved, 'holds' | 'lacks'> {
  const here = new Set(tags.values());
  const needed = new Set(allocations.filter((a) => a.desired === 'running').map(({ imageId }) => imageId));
  const lacks = carry.watch.filter((id) => missing.has(id) && needed.has(id));
  return { holds: carry.watch.filter((id) => here.has(id) && !missing.has(id)), lacks };
}
