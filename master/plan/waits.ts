/** Why a service is not yet as asked for, a sentence each, without figures that change by themselves. */
import type { Intent } from './intent.js';
import type { Seen } from './seen.js';
import type { Slots } from './slots.js';
import type { ServiceSnapshot } from './snapshot.js';

/** What the holders of slots still lack, and what has yet to go. */
export function slotWaits(slots: Slots): string[] {
  return slots.holders.flatMap((holder) => (holder === null || holder.isServing ? [] : [lackOf(holder)]));
}

/** What those that are to move wait for. */
export function moveWaits({ holders, successors }: Slots): string[] {
  return holders.flatMap((holder) => {
    if (!holder?.isMoving) return [];
    const next = successors.find((s) => s.allocation.slot === holder.allocation.slot);
    const away = `${holder.allocation.id} leaves ${holder.nodeName}`;
    return [next ? `${away} when ${next.allocation.id} serves: ${lackOf(next)}` : away];
  });
}

/** What an allocation that is not serving waits for. */
export function lackOf(seen: Seen): string {
  const { id } = seen.allocation;
  switch (seen.state) {
    case 'unknown':
      return `${id}: ${seen.doubt}`;
    case 'placed':
      return `${id} waits for ${seen.nodeName} to take it up`;
    case 'ready':
      if (!seen.isHealthy && !seen.isSettled)
        return `${id} is ready, and has to stay so for min_healthy_secs`;
      return `${id} is ready, not routed: ${seen.routingReason ?? 'waits its turn'}`;
    case 'pending':
    case 'pulling':
    case 'starting':
    case 'unready':
    case 'stopping':
    case 'exited':
    case 'failed':
    case 'gone':
      return `${id} is ${seen.state}${seen.reason === null ? '' : `: ${seen.reason}`}`;
  }
}

/** What is missing beyond single allocations: slots without room, old ones that can't go yet, or no release at all. */
export function overallWaits(
  snapshot: ServiceSnapshot,
  intent: Intent,
  slots: Slots,
  made: number,
): string[] {
  const waits: string[] = [];
  const missing = slots.holders.filter((holder) => holder === null).length - made;
  if (missing > 0 && intent.wanted) {
    waits.push(`${missing} of ${intent.wish.replicas} replicas of v${intent.wanted.number} still to be made`);
  }
  if (slots.extras.length > 0 && !intent.isEnding) waits.push(`${slots.extras.length} still to be replaced`);
  if (
    intent.group === 'stable' &&
    snapshot.service.desired === 'running' &&
    snapshot.rollout === null &&
    intent.wanted === null
  ) {
    waits.push(noRelease(snapshot));
  }
  return waits;
}

function noRelease({ service }: ServiceSnapshot): string {
  const failure = service.planned.lastFailure;
  if (failure === null) return 'no release has been rolled out yet: deploy it';
  return `no release has succeeded yet: ${failure.reason}`;
}
