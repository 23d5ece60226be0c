/** PURE: what is done for the images that rollouts want resolved here, and what is reported of them. */
import type { ImageObserved, ImageWant } from '../shared/protocol.js';
import type { Facts } from './facts.js';
import { imageKey, type Step } from './step.js';

/** A want whose image can't be had is reported failed and not tried again: its rollout ends with the reason. */
export function planImages(wants: ImageWant[], facts: Facts): { steps: Step[]; observed: ImageObserved[] } {
  const ordered = [...wants].sort((a, b) => (a.id < b.id ? -1 : 1));
  const open = ordered.filter(
    (want) => !facts.resolved.has(want.id) && !facts.failures.has(imageKey(want.id)),
  );
  return {
    steps: open.map(stepOf),
    observed: ordered.map((want) => observe(want, facts)),
  };
}

function stepOf({ id, ref, pull, imageId, build }: ImageWant): Step {
  const key = imageKey(id);
  if (build) return { kind: 'build-image', key, want: id, order: build };
  return { kind: 'resolve-image', key, want: id, ref, pull, imageId };
}

function observe(want: ImageWant, facts: Facts): ImageObserved {
  const build = facts.builds.get(want.id);
  const seen = observeImage(want, facts);
  if (!build) return seen;
  // A failure that is about to be tried again is none yet.
  return { ...seen, ...(seen.state === 'pulling' ? { reason: build.reason } : {}), build };
}

function observeImage({ id, ref }: ImageWant, facts: Facts): ImageObserved {
  const image = facts.resolved.get(id);
  const failure = facts.failures.get(imageKey(id));
  if (image) {
    return { id, state: 'ready', percent: 100, imageId: image.id, digest: image.digest, reason: null };
  }
  const blank = { id, imageId: null, digest: null };
  if (failure) return { ...blank, state: 'failed', percent: null, reason: failure.message };
  const percent = facts.percents.get(imageKey(id)) ?? null;
  const reason = percent === null ? `looking for ${ref}` : `pulling ${ref} ${percent} %`;
  return { ...blank, state: 'pulling', percent, reason };
}
