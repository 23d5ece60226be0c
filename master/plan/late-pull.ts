/**
 * Calls about one pull request that came in another order than things happened: an older one changes nothing any more. PURE. Providers write whole
 * seconds, so that of one second only what opens a pull request again can be known to have come after its close.
 */
import type { Delivery } from '../../shared/webhook.js';

/** Why the call is too late; null: it is not, or nobody can tell. What a user repeats is meant. `others`: of the same webhook. */
export function lateReason(delivery: Delivery, others: readonly Delivery[]): string | null {
  const { push, service, redeliveryOf } = delivery;
  const { pushedAtMs } = push;
  if (redeliveryOf !== null || pushedAtMs === null) return null;
  const same = others.filter(
    (one) => one.id !== delivery.id && one.service === service && one.redeliveryOf === null,
  );
  const broughtOut = same.filter(wasBroughtOut);
  const newer =
    broughtOut.find((one) => (one.push.pushedAtMs ?? 0) > pushedAtMs) ??
    broughtOut.find(
      (one) => isClosedWith(delivery, one) && !same.some((other) => isReopenedSince(other, one)),
    );
  if (newer === undefined) return null;
  const what = newer.pull?.action === 'close' ? 'closed' : 'pushed to again';
  const when = newer.push.pushedAtMs === pushedAtMs ? 'in the same second' : 'after that';
  return `the pull request was ${what} ${when} (${newer.id}), which came in before`;
}

/** Whether `close` is of the second in which `one` brought a commit. */
export const isClosedWith = (
  one: Pick<Delivery, 'push' | 'pull'>,
  close: Pick<Delivery, 'push' | 'pull'>,
): boolean =>
  one.pull?.action === 'update' &&
  one.pull.isReopened !== true &&
  close.pull?.action === 'close' &&
  one.push.pushedAtMs !== null &&
  one.push.pushedAtMs === close.push.pushedAtMs;

const isReopenedSince = ({ push, pull }: Delivery, close: Delivery): boolean =>
  pull?.isReopened === true && (push.pushedAtMs ?? 0) >= (close.push.pushedAtMs ?? 0);

const wasBroughtOut = ({ state, pull }: Delivery): boolean =>
  pull !== undefined && pull.action !== 'none' && state !== 'waiting' && state !== 'superseded';
