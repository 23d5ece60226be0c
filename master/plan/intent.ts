/** Towards what each group of a service moves now, and which other releases may stay meanwhile. */
import {
  actingOf,
  isStarting,
  isWanted,
  type Planned,
  type Release,
  type Rollout,
  type Service,
} from '../../shared/model.js';
import type { Seen } from './seen.js';
import type { Wish } from './slots.js';

export interface Intent {
  group: 'stable' | 'canary';
  /** The release to move to; null: none is wanted. */
  wanted: Release | null;
  wish: Wish;
  /** True: nothing is wanted of this group, so everything goes at once. False: capacity is guarded. */
  isEnding: boolean;
}

export interface Intents {
  stable: Intent;
  canary: Intent;
}

/** The intents under the rollout as it stands (null or ended: the steady state). */
export function intentsOf(
  service: Service,
  planned: Planned,
  rollout: Rollout | null,
  releases: readonly Release[],
): Intents {
  const find = (number: number | null): Release | null => releases.find((r) => r.number === number) ?? null;
  const acting = movingOf(rollout);
  return {
    stable: stableIntent(service, planned, acting, find),
    canary: canaryIntent(service, acting, find),
  };
}

/** A canary stands while the next rollout prepares; one that goes slot by slot is held there. */
function movingOf(rollout: Rollout | null): Rollout | null {
  const acting = actingOf(rollout);
  return acting?.state === 'canary' || acting?.state === 'promoting' ? acting : rollout;
}

type Find = (number: number | null) => Release | null;

function stableIntent(service: Service, planned: Planned, rollout: Rollout | null, find: Find): Intent {
  const intent = (wanted: Release | null, isAlsoFine: (seen: Seen) => boolean, isEnding = false): Intent => ({
    group: 'stable',
    wanted,
    wish: {
      replicas: isEnding ? 0 : service.replicas,
      wanted: wanted?.number ?? null,
      isAlsoFine,
      canStartFirst: service.spec.deploy.maxSurge > 0,
    },
    isEnding,
  });
  if (!isWanted(service, rollout)) return intent(null, never, true);
  const stable = find(planned.stable);
  switch (rollout?.state) {
    case 'preparing':
    case 'pre_deploy':
      return isStarting(service, rollout) ? intent(null, never, true) : intent(stable, isStanding);
    case 'rolling':
      return intent(find(rollout.release), never);
    case 'canary':
    case 'rolling_back':
      return intent(find(rollout.from), never);
    case 'promoting':
      return rollout.canary?.stableGoes ? intent(null, never, true) : intent(find(rollout.from), never);
    case 'succeeded':
    case 'failed':
    case 'superseded':
    case undefined:
      return intent(stable, isTolerated(planned.tolerated), stable === null);
  }
}

/** Only a canary's own rollout wants a canary; what is left of any other goes. */
function canaryIntent(service: Service, rollout: Rollout | null, find: Find): Intent {
  const isOpen = rollout?.state === 'canary' || rollout?.state === 'promoting';
  const wanted = isOpen && isWanted(service, rollout) ? find(rollout.release) : null;
  const replicas = wanted === null ? 0 : (rollout?.canary?.replicas ?? 0);
  return {
    group: 'canary',
    wanted,
    wish: {
      replicas,
      wanted: wanted?.number ?? null,
      isAlsoFine: never,
      canStartFirst: service.spec.deploy.maxSurge > 0,
    },
    isEnding: wanted === null,
  };
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
