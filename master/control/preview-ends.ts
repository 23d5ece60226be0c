/**
 * The loop that takes previews away which are over: whose service or webhook is gone, or to which nothing was pushed for their time
 * (`plan/preview-ends`). It looks at what there is, so that a master that was killed or down misses nothing.
 */
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { PreviewMark } from '../../shared/preview.js';
import { previewEnd } from '../plan/preview-ends.js';
import type { Store } from '../store/store.js';
import { KEPT_ROLLOUTS } from '../store/transaction.js';
import type { Commands } from './commands.js';
import { removePreview } from './previews.js';

export interface PreviewEndsOptions {
  store: Store;
  commands: Pick<Commands, 'deploy' | 'remove'>;
  nowMs: () => number;
  log: Log;
}

const LOOK_MS = 30_000;

export function startPreviewEnds(options: PreviewEndsOptions): Loop {
  const { store, nowMs, log } = options;
  const loop = startLoop(
    async () => {
      const times = previews(store).map(({ key, mark }) => endOne(options, key, mark, nowMs()));
      const nextAtMs = Math.min(...times.flatMap((atMs) => atMs ?? []));
      // The loop's clock is the real one; a test's only says how long from now.
      if (Number.isFinite(nextAtMs)) loop.wakeAt(Date.now() + Math.max(0, nextAtMs - nowMs()));
    },
    {
      everyMs: LOOK_MS,
      onError: (error) => log.error({ error: messageOf(error) }, 'previews stay, and are looked at again'),
    },
  );
  const unwatch = store.watch(({ events }) => {
    if (events.some(({ kind }) => CAUSES.includes(kind))) loop.wake();
  });
  return {
    ...loop,
    stop: () => {
      unwatch();
      return loop.stop();
    },
  };
}

/** What is said where a preview begins, or ends with something else. */
const CAUSES = ['preview.created', 'service.remove', 'webhook.removed'];

const previews = (store: Store): { key: string; mark: PreviewMark }[] =>
  store
    .services()
    .flatMap(({ key, spec, desired }) =>
      spec.preview && desired !== 'removed' ? [{ key, mark: spec.preview }] : [],
    );

/** When it is to be looked at again, ms; null: it goes. */
function endOne(options: PreviewEndsOptions, key: string, mark: PreviewMark, nowMs: number): number | null {
  const { store } = options;
  const lastPush = store.rollouts(key, KEPT_ROLLOUTS).find(({ source }) => source === 'webhook');
  const { reason, atMs } = previewEnd(
    {
      mark,
      original: store.service(mark.of) ?? null,
      hasWebhook: store.webhook(mark.webhook) !== undefined,
      lastRolloutAtMs: lastPush?.startedAtMs ?? 0,
    },
    nowMs,
  );
  if (reason === null) return atMs;
  store.batch(() => removePreview(options, key, reason, nowMs));
  return null;
}
