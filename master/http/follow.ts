/** Waiting for the store, and the streams that are made of it. Whoever reads may go away at any time: `signal` says so. */
import type { ApiEvent, RolloutFrame } from '../../shared/api.js';
import type { ClusterEvent } from '../../shared/model.js';
import type { Store } from '../store/store.js';
import type { Changes } from '../store/transaction.js';
import { asItStands, waitsForPromote } from './rollout-view.js';
import { eventView, type Views } from './views.js';

/** What live sessions add (requests in flight, heartbeats) has no commit: look at least this often. */
const LOOK_EVERY_MS = 1_000;

/** Resolves at the next commit that `concerns` names, after `atMostMs`, or when the reader went away. */
export function nextChange(
  store: Store,
  concerns: (changes: Changes) => boolean,
  atMostMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      unwatch();
      signal.removeEventListener('abort', done);
      resolve();
    };
    // A longer wait than a timer of Node holds would be none, again and again.
    const timer = setTimeout(done, Math.min(Math.max(0, atMostMs), 2 ** 31 - 1));
    const unwatch = store.watch((changes) => concerns(changes) && done());
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

/** Resolves with true when the rollouts have all ended, or wait for a user's promote; with false at the deadline or when the caller is gone. */
export async function rolloutsEnd(
  store: Store,
  ids: readonly string[],
  deadlineMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const isOpen = (id: string): boolean => {
    const stored = store.rollout(id);
    if (!stored) return false;
    const rollout = asItStands(stored, store.activeRollout(stored.service));
    const service = store.service(rollout.service);
    return rollout.endedAtMs === null && !(service && waitsForPromote(rollout, service));
  };
  const keys = new Set(ids.map((id) => store.rollout(id)?.service));
  while (ids.some(isOpen)) {
    if (signal.aborted || Date.now() >= deadlineMs) return false;
    await nextChange(
      store,
      ({ services }) => [...services].some((key) => keys.has(key)),
      deadlineMs - Date.now(),
      signal,
    );
  }
  return true;
}

/** How long a change that was made in place is waited for: a load of Caddy takes a second at most. */
const SERVED_MS = 10_000;

/** Resolves with null when every connected ingress has what is in force; else, at the deadline or when none can, with why not. */
export async function untilServed(
  store: Store,
  key: string,
  unserved: () => { reason: string; isComing: boolean } | null,
  signal: AbortSignal,
): Promise<string | null> {
  const deadlineMs = Date.now() + SERVED_MS;
  for (;;) {
    const why = unserved();
    if (why === null || !why.isComing || signal.aborted || Date.now() >= deadlineMs)
      return why?.reason ?? null;
    const concerns = ({ services, touched, nodes }: Changes): boolean =>
      services.has(key) || touched.has(key) || nodes.size > 0;
    await nextChange(store, concerns, deadlineMs - Date.now(), signal);
  }
}

/** The rollout with its service whenever one of them looks different, until it has ended. */
export async function* followRollout(
  store: Store,
  views: Views,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<RolloutFrame> {
  const service = store.rollout(id)?.service ?? '';
  let shown = '';
  while (!signal.aborted) {
    const frame = views.rollout(id);
    if (!frame) return;
    const text = JSON.stringify({
      ...frame,
      service: frame.service && { ...frame.service, observed_at: null },
    });
    if (text !== shown) yield frame;
    shown = text;
    if (frame.rollout.ended_at !== null) return;
    await nextChange(
      store,
      ({ services, explained }) => services.has(service) || explained.has(service),
      LOOK_EVERY_MS,
      signal,
    );
  }
}

/** Events after number `after`, and every new one as it happens, of those that the reader `sees`. */
export async function* followEvents(
  store: Store,
  { after, sees }: { after: number; sees: (event: ClusterEvent) => boolean },
  signal: AbortSignal,
): AsyncGenerator<ApiEvent> {
  let last = after;
  while (!signal.aborted) {
    for (const event of store.eventsAfter(last)) {
      last = event.number;
      if (sees(event)) yield eventView(event);
    }
    await nextChange(store, ({ events }) => events.length > 0, 60_000, signal);
  }
}
