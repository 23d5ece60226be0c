/** Releases: what makes two of them equal, and which are kept. */
import { buildIdOf } from '../../shared/build.js';
import { fingerprint } from '../../shared/fingerprint.js';
import type { Planned, Release, ResolvedImage, Rollout } from '../../shared/model.js';
import type { ImageObserved } from '../../shared/protocol.js';
import type { ContainerSpec } from '../../shared/spec.js';
import type { Action, ServiceSnapshot } from './snapshot.js';

/** So many of the newest releases can be rolled back to; their images are kept. */
export const KEPT_RELEASES = 10;

/** A hash of what the container is made from. When an image is pulled, and what was allowed then, makes no difference to what runs. */
export function releaseFingerprint(container: ContainerSpec, imageId: string): string {
  return fingerprint({ container: { ...container, pull: undefined, mountsWithin: undefined }, imageId });
}

/** Equal but for the pull policy: equal releases if the image is the same. */
export function isSameContainer(a: ContainerSpec, b: ContainerSpec): boolean {
  return releaseFingerprint(a, '') === releaseFingerprint(b, '');
}

/** The release a rollout brings once its image is resolved. */
export function newRelease(rollout: Rollout, number: number, image: ResolvedImage, nowMs: number): Release {
  return {
    service: rollout.service,
    number,
    spec: rollout.spec,
    image,
    fingerprint: releaseFingerprint(rollout.spec.container, image.id),
    createdAtMs: nowMs,
  };
}

/** With what it was built from; one that was not stays as it is. */
export function withBuild(release: Release, { id, node }: Rollout, image: ImageObserved | null): Release {
  const commit = image?.build?.commit;
  if (!commit || node === null) return release;
  return { ...release, built: { build: buildIdOf(id), commit, node } };
}

/** Drops what is older than the newest ten, unless it serves, served before that, runs somewhere, or a rollout goes to or from it. */
/** `planned`: as it is after this decision. */
export function prune(snapshot: ServiceSnapshot, planned: Planned, rollout: Rollout | null): Action[] {
  const needed = new Set<number | null>([
    planned.stable,
    planned.tolerated,
    planned.previous ?? null,
    rollout?.release ?? null,
    rollout?.from ?? null,
    ...snapshot.allocations.map((allocation) => allocation.release),
  ]);
  const numbers = snapshot.releases.map((release) => release.number).sort((a, b) => b - a);
  return numbers
    .slice(KEPT_RELEASES)
    .filter((number) => !needed.has(number))
    .map((number) => ({ kind: 'delete-release', number }));
}
