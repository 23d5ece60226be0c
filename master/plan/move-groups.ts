/** One step of all groups of a service: the job, stable, and the canary with the share that it is given. */
import type { Planned } from '../../shared/model.js';
import { converge } from './converge.js';
import { type Groups, mayCanaryGo } from './groups.js';
import { intentsOf } from './intent.js';
import { planJobs } from './jobs.js';
import type { Own } from './place.js';
import type { Action, ServiceSnapshot } from './snapshot.js';

export interface Moved {
  actions: Action[];
  waits: string[];
  wakes: number[];
  planned: Pick<Planned, 'nextAllocation' | 'canaryWeight'>;
}

/** `after` is the snapshot with what this pass has decided of the rollout, `planned` likewise; `stopping`: ids of those that it stops. */
export function moveGroups(
  after: ServiceSnapshot,
  groups: Groups,
  { planned, stopping }: { planned: Planned; stopping: ReadonlySet<string> },
  nowMs: number,
): Moved {
  const intents = intentsOf(after.service, planned, after.rollout, after.releases);
  const numbered = (made: number): ServiceSnapshot => ({
    ...after,
    service: {
      ...after.service,
      planned: { ...planned, nextAllocation: planned.nextAllocation + made },
    },
  });
  const jobs = planJobs(numbered(0), groups.job, [...groups.stable, ...groups.canary], nowMs);
  const stable = converge(
    {
      snapshot: numbered(jobs.made),
      intent: intents.stable,
      seen: groups.stable,
      others: [...groups.canary, ...groups.job],
      mayGo: true,
      stopping,
    },
    nowMs,
  );
  const made: Own[] = stable.made.map((allocation) => ({ allocation, release: intents.stable.wanted }));
  const mayGo = mayCanaryGo(groups, intents, planned);
  const canary = converge(
    {
      snapshot: numbered(jobs.made + stable.made.length),
      intent: intents.canary,
      seen: groups.canary,
      others: [...groups.stable, ...groups.job, ...made],
      mayGo,
      stopping,
    },
    nowMs,
  );
  const isOver = intents.canary.isEnding && mayGo;
  return {
    actions: [...jobs.actions, ...stable.actions, ...canary.actions],
    waits: [...jobs.waits, ...stable.waits, ...canary.waits],
    wakes: [...stable.wakes, ...canary.wakes],
    planned: {
      nextAllocation: planned.nextAllocation + jobs.made + stable.made.length + canary.made.length,
      canaryWeight: isOver ? 0 : planned.canaryWeight,
    },
  };
}
