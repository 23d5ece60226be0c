/** The allocations of a service by group, and the one rule between the groups: a canary that has all the traffic stays
 *  until stable can take it back. */
import type { Planned } from '../../shared/model.js';
import type { Intents } from './intent.js';
import type { Seen } from './seen.js';
import { slotsOf } from './slots.js';

export interface Groups {
  stable: Seen[];
  canary: Seen[];
  job: Seen[];
}

export function groupsOf(seen: readonly Seen[]): Groups {
  const of = (group: keyof Groups): Seen[] => seen.filter((s) => s.allocation.group === group);
  return { stable: of('stable'), canary: of('canary'), job: of('job') };
}

/**
 * Whether allocations of the canary group that nobody wants may go. Below 100 % stable has its whole capacity beside the
 * canary's; at 100 % stable may be gone already, and has to be whole first.
 */
export function mayCanaryGo(groups: Groups, intents: Intents, { canaryWeight }: Planned): boolean {
  if (intents.stable.isEnding || canaryWeight < 100) return true;
  return slotsOf(groups.stable, intents.stable.wish).holders.every((s) => s?.isServing);
}

/** Nothing of the group runs or drains any more. */
export function isGone(group: readonly Seen[]): boolean {
  return group.every(
    ({ allocation, isLive }) =>
      !isLive && (allocation.desired === 'stopped' || allocation.observed?.state === 'gone'),
  );
}
