/**
 * The two groups of a service as the status shows them: which release each has, which share of the traffic it was
 * observed to get, how many of it are ready, and what was counted of it. PURE.
 */
import type { AllocationView, ServiceStatus } from '../../shared/api.js';
import { actingOf, type Counted, isWanted } from '../../shared/model.js';
import { isCanary, type ShareFacts, shareOf } from './share-view.js';
import { byRelease, trafficFigures } from './traffic-view.js';

type Groups = ServiceStatus['groups'];
type GroupView = NonNullable<Groups['stable']>;

export interface GroupFacts extends ShareFacts {
  views: readonly AllocationView[];
  figures: readonly Counted[];
}

export function groupsOf(facts: GroupFacts): Groups {
  const { service, rollout } = facts;
  const release = canaryRelease(facts);
  const { observed, wanted, reason } = shareOf(facts);
  const { stable } = service.planned;
  const copies = isWanted(service, rollout) ? service.replicas : 0;
  return {
    stable:
      stable === null
        ? null
        : {
            ...groupOf(facts, 'stable', stable, copies),
            weight: 100 - observed,
            wanted_weight: 100 - wanted,
            weight_reason: reason,
          },
    canary:
      release === null
        ? null
        : {
            ...groupOf(facts, 'canary', release, actingOf(rollout)?.canary?.replicas ?? 0),
            weight: observed,
            wanted_weight: wanted,
            weight_reason: reason,
          },
  };
}

/** What runs beside stable: the newest release of the group's allocations that are not on their way out, or what an open
 *  rollout is about to start. */
function canaryRelease({ service, allocations, rollout: open }: GroupFacts): number | null {
  const rollout = actingOf(open);
  const { stable } = service.planned;
  const own = allocations.filter((one) => isCanary(one, stable) && one.desired !== 'stopped');
  if (own.length > 0) return Math.max(...own.map(({ release }) => release));
  const isComing = rollout?.endedAtMs === null && rollout.canary !== null;
  return isComing && ['canary', 'promoting'].includes(rollout.state) ? rollout.release : null;
}

function groupOf(
  { service, allocations, views, figures }: GroupFacts,
  group: 'stable' | 'canary',
  release: number,
  wanted: number,
): Pick<GroupView, 'release' | 'ready' | 'wanted' | 'traffic'> {
  const { stable } = service.planned;
  const own = allocations.filter(
    (one) => one.group !== 'job' && isCanary(one, stable) === (group === 'canary'),
  );
  const ids = new Set(own.map(({ id }) => id));
  const traffic = byRelease(figures).find((one) => one.release === release);
  return {
    release: `v${release}`,
    ready: views.filter(({ id, state }) => ids.has(id) && state === 'ready').length,
    wanted,
    traffic: traffic ? trafficFigures(traffic) : null,
  };
}
