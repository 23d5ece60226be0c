/**
 * Where what agents say waits for its turn: all that came in one turn of the event loop is handled in its order, as one commit of
 * the store. A thousand agents that come back at once, or report at once, are a few commits then, not a thousand. What is said
 * in answer is said after the commit.
 */
import type { Store } from '../store/store.js';

export interface Inbox {
  /** `handle` writes what was said and answers what is to be done once that is on disk; `failed` hears when it can't be. */
  put(handle: () => (() => void) | undefined, failed: (error: unknown) => void): void;
  /** Handles what waits now. */
  flush(): void;
}

interface Item {
  handle(): (() => void) | undefined;
  failed(error: unknown): void;
}

/** So many in one commit; then what else the event loop has gets its turn. */
const AT_ONCE = 100;
/** Right after a commit more is gathered, as long as that one took and no longer than this. */
const MAX_GATHER_MS = 20;

export function createInbox(store: Pick<Store, 'batch'>): Inbox {
  const waiting: Item[] = [];
  let isDue = false;
  let gatherUntilMs = 0;

  const handleSome = (): void => {
    const items = waiting.splice(0, AT_ONCE);
    if (items.length === 0) return;
    const fromMs = performance.now();
    let then: { item: Item; act: () => void }[] = [];
    try {
      store.batch(() => {
        for (const item of items) attempt(item, () => then.push({ item, act: item.handle() ?? nothing }));
      });
    } catch (error) {
      then = items.map((item) => ({ item, act: () => item.failed(error) }));
    }
    const nowMs = performance.now();
    gatherUntilMs = nowMs + Math.min(nowMs - fromMs, MAX_GATHER_MS);
    for (const { item, act } of then) attempt(item, act);
  };
  const turn = (): void => {
    isDue = false;
    handleSome();
    if (waiting.length > 0) wake();
  };
  const wake = (): void => {
    if (isDue) return;
    isDue = true;
    const waitMs = waiting.length < AT_ONCE ? gatherUntilMs - performance.now() : 0;
    if (waitMs >= 1) setTimeout(turn, waitMs);
    else setImmediate(turn);
  };
  return {
    put(handle, failed) {
      waiting.push({ handle, failed });
      wake();
    },
    flush() {
      while (waiting.length > 0) handleSome();
    },
  };
}

const nothing = (): void => undefined;

/** One that can't be handled does not keep the others from their turn. */
function attempt(item: Item, work: () => void): void {
  try {
    work();
  } catch (error) {
    item.failed(error);
  }
}
