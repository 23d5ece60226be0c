/**
 * When pushes deploy. PURE. Per service the newest wins: those that come close together are one deploy, after 5 s without another, and
 * 30 s after the first at the latest; the older ones are superseded. What became of a rollout is what became of its delivery.
 */
import type { Rollout } from '../../shared/model.js';
import type { Delivery } from '../../shared/webhook.js';
import { isClosedWith } from './late-pull.js';

export const QUIET_MS = 5_000;
export const LONGEST_MS = 30_000;

export interface BurstPlan {
  /** Its time has come; null: none's has. */
  due: Delivery | null;
  /** As they are to be put. */
  put: Delivery[];
  /** When time alone changes this, ms; null: never. */
  wakeAtMs: number | null;
}

/** `waiting`: all of one service that wait, in any order. */
export function planBurst(waiting: readonly Delivery[], nowMs: number): BurstPlan {
  const newest = newestOf(waiting);
  if (newest === null) return { due: null, put: [], wakeAtMs: null };
  const others = waiting.filter((one) => one.id !== newest.id);
  const sinceMs = Math.min(...waiting.map(({ burstSinceMs }) => burstSinceMs));
  const lastMs = Math.max(...waiting.map(({ receivedAtMs }) => receivedAtMs));
  const kept = { ...newest, burstSinceMs: sinceMs };
  const superseded = others.map((one) => supersededBy(one, newest, nowMs));
  const dueMs = Math.min(lastMs + QUIET_MS, sinceMs + LONGEST_MS);
  // A clock that was set back must not make anybody wait for it.
  const isOver = newest.pull?.action === 'close';
  const isDue = isOver || nowMs >= dueMs || sinceMs > nowMs;
  if (isDue) return { due: kept, put: superseded, wakeAtMs: null };
  const isChanged = sinceMs !== newest.burstSinceMs;
  return { due: null, put: isChanged ? [...superseded, kept] : superseded, wakeAtMs: dueMs };
}

/** By what the pushes say of their order, else by when they came in. */
function newestOf(waiting: readonly Delivery[]): Delivery | null {
  const inOrder = [...waiting].sort(
    (a, b) => a.receivedAtMs - b.receivedAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
  return inOrder.reduce<Delivery | null>((best, one) => (best && isOlder(one, best) ? best : one), null);
}

/** Whether `one` was pushed before `other`, though it may have come in after. Only pushes of one ref can be told apart. */
function isOlder(delivery: Delivery, before: Delivery): boolean {
  const [one, other] = [delivery.push, before.push];
  if (one.ref !== other.ref) return false;
  if (one.commit !== null && one.commit === other.before && one.before !== other.commit) return true;
  if (one.pushedAtMs === null || other.pushedAtMs === null) return false;
  return one.pushedAtMs < other.pushedAtMs || isClosedWith(delivery, before);
}

export function supersededBy(one: Delivery, by: Delivery, nowMs: number): Delivery {
  const what = by.push.commit === null ? by.id : `${by.push.commit.slice(0, 7)} (${by.id})`;
  return ended(one, 'superseded', `a newer push came before it was deployed: ${what}`, nowMs);
}

/** A delivery whose rollout was begun, as it stands now; the same object while there is nothing to say. */
export function settle(delivery: Delivery, rollout: Rollout | null, nowMs: number): Delivery {
  if (rollout === null) return ended(delivery, 'failed', 'its rollout is no longer known', nowMs);
  if (rollout.endedAtMs === null) return delivery;
  const reason = rollout.failure?.message ?? rollout.reason;
  if (rollout.state === 'succeeded') return ended(delivery, 'deployed', rollout.reason, nowMs);
  if (rollout.state === 'superseded') return ended(delivery, 'superseded', reason, nowMs);
  return ended(delivery, 'failed', reason, nowMs);
}

export function ended(
  delivery: Delivery,
  state: 'deployed' | 'failed' | 'superseded' | 'removed' | 'skipped',
  reason: string | null,
  nowMs: number,
): Delivery {
  return { ...delivery, state, reason, endedAtMs: nowMs };
}
