/** Towards which release a service moves now, and which others may stay meanwhile. */
import type { Planned, Release, Rollout, Service } from '../../shared/model.js';
import type { Seen } from './seen.js';
import type { Wish } from './slots.js';

export interface Intent {
  /** The release to move to; null: none is wanted. */
  wanted: Release | null;
  wish: Wish;
  /** True: nothing is wanted of this service, so everything goes at once. False: capacity is guarded. */
  isEnding: boolean;
}

/** The intent under the rollout as it stands (null or ended: the steady state). */
export function intentOf(
  service: Service,
  planned: Planned,
  rollout: Rollout | null,
  releases: readonly Release[],
): Intent {
  const find = (number: number | null): Release | null => releases.find((r) => r.number === number) ?? null;
  const intent = (wanted: Release | null, isAlsoFine: (seen: Seen) => boolean, isEnding = false): Intent => ({
    wanted,
    wish: { replicas: isEnding ? 0 : service.replicas, wanted: wanted?.number ?? null, isAlsoFine },
    isEnding,
  });
  if (service.desired !== 'running') return intent(null, never, true);
  const stable = find(planned.stable);
  switch (rollout?.state) {
    case 'preparing':
      return intent(stable, isStanding);
    case 'pre_deploy':
    case 'canary':
    case 'promoting':
    case 'rolling':
      return intent(find(rollout.release), never);
    case 'rolling_back':
      return intent(find(rollout.from), never);
    case 'succeeded':
    case 'failed':
    case 'superseded':
    case undefined:
      return intent(stable, isTolerated(planned.tolerated), stable === null);
  }
}

function never(): boolean {
  return false;
}

/** It was healthy once, and is not dead for good. */
function isStanding(seen: Seen): boolean {
  return (seen.isSettled || seen.isServing) && seen.state !== 'exited' && seen.state !== 'failed';
}

function isTolerated(release: number | null): (seen: Seen) => boolean {
  return (seen) => release !== null && seen.allocation.release === release && isStanding(seen);
}
