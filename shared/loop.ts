/**
 * A loop that takes no argument, never overlaps itself, and coalesces wake-ups: events and a slow timer wake one code
 * path. A pass that throws is reported and tried again; it never ends the loop.
 */
export interface Loop {
  /** Asks for a pass soon; many calls before it starts are one pass. */
  wake(): void;
  /** Asks for a pass at that time at the latest (ms since the epoch); an earlier request stays. */
  wakeAt(atMs: number): void;
  /** No further pass starts; resolves when the one under way has ended. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** The slow timer: a pass at least this often. */
  everyMs: number;
  /** After a pass that threw, the next one waits this long. */
  retryMs?: number;
  onError: (error: unknown) => void;
}

/** Starts a loop; the first pass runs on the next turn of the event loop. */
export function startLoop(pass: () => Promise<void>, options: LoopOptions): Loop {
  let timer: NodeJS.Timeout | null = null;
  let dueMs = Number.POSITIVE_INFINITY;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;

  const schedule = (atMs: number): void => {
    if (stopped || atMs >= dueMs) return;
    dueMs = atMs;
    if (timer) clearTimeout(timer);
    timer = setTimeout(run, Math.max(0, Math.min(atMs - Date.now(), 2 ** 31 - 1)));
  };

  const run = (): void => {
    timer = null;
    dueMs = Number.POSITIVE_INFINITY;
    if (running) {
      again = true;
      return;
    }
    running = pass()
      .then(
        () => schedule(Date.now() + options.everyMs),
        (error: unknown) => {
          options.onError(error);
          schedule(Date.now() + (options.retryMs ?? 1_000));
        },
      )
      .finally(() => {
        running = null;
        if (again) schedule(Date.now());
        again = false;
      });
  };

  const wake = (): void => {
    if (running) again = true;
    else schedule(Date.now());
  };
  wake();
  return {
    wake,
    wakeAt: schedule,
    async stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
      await running;
    },
  };
}
