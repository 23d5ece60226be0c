/** Calls about one pull request that came in another order than things happened: an older one changes nothing any more. PURE. */
import type { Delivery } from '../../shared/webhook.js';

/** Why the call is too late; null: it is not, or nobody can tell. What a user repeats is meant. `others`: of the same webhook. */
export function lateReason(delivery: Delivery, others: readonly Delivery[]): string | null {
  const { push, service, redeliveryOf } = delivery;
  const { pushedAtMs } = push;
  if (redeliveryOf !== null || pushedAtMs === null) return null;
  const newer = others.find(
    (one) =>
      one.id !== delivery.id &&
      one.service === service &&
      one.redeliveryOf === null &&
      wasBroughtOut(one) &&
      (one.push.pushedAtMs ?? 0) > pushedAtMs,
  );
  if (newer === undefined) return null;
  const what = newer.pull?.action === 'close' ? 'closed' : 'pushed to again';
  return `the pull request was ${what} after that (${newer.id}), which came in before`;
}

const wasBroughtOut = ({ state, pull }: Delivery): boolean =>
  pull !== undefined && pull.action !== 'none' && state !== 'waiting' && state !== 'superseded';
