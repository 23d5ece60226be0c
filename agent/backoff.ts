/** PURE: when to try again, from facts alone. Crash loops: 1 s doubling to 60 s, reset by 10 s up. Sessions: see `reconnectMs`. */

export const QUICK_EXIT_MS = 10_000;
export const DEFAULT_GRACE_MS = 10_000;

/** The wait before try number `level` after a failure: 0 for none, then 1, 2, 4 … 60 s. */
export function backoffMs(level: number): number {
  return level <= 0 ? 0 : Math.min(60_000, 1_000 * 2 ** Math.min(level - 1, 10));
}

/**
 * What follows an exit: the level its successor carries, and the earliest time to start it (ms since the epoch). An exit
 * that lies in the future (the clock was set back) is not waited for: its successor may start now.
 */
export function afterExit(
  exit: { level: number; createdAtMs: number; startedAtMs: number | null; finishedAtMs: number | null },
  nowMs: number,
): { level: number; dueMs: number; delayMs: number; upMs: number } {
  const finishedAtMs = exit.finishedAtMs ?? exit.startedAtMs ?? exit.createdAtMs;
  const upMs = Math.max(0, finishedAtMs - (exit.startedAtMs ?? finishedAtMs));
  const level = upMs >= QUICK_EXIT_MS ? 0 : exit.level + 1;
  const delayMs = backoffMs(level);
  const dueMs = finishedAtMs > nowMs + 1_000 ? nowMs : finishedAtMs + delayMs;
  return { level, delayMs, upMs, dueMs };
}

/** When a refused step is tried again. */
export function retryAtMs(failure: { count: number; atMs: number }): number {
  return failure.atMs + backoffMs(failure.count);
}

/** A session that lasted so long was one: the next loss begins anew. */
export const SETTLED_SESSION_MS = 5_000;

/**
 * The wait before the next try after `failures` in a row, `chance` in [0, 1): half of it is fixed, half is chance, so that
 * those whom one master has lost do not come back at one moment. At most 2 s, so that a master that was away for an hour is
 * found within 2 s too: to knock at a closed port costs nobody anything (1,000 agents: 670 refused connections a second), and
 * the 1,000 handshakes when it opens are spread over those 2 s. Who was told something that will still hold in a moment
 * (`isPatient`) asks every 5 to 10 s.
 */
export function reconnectMs(failures: number, isPatient: boolean, chance: number, firstMs = 250): number {
  const wholeMs = isPatient ? 10_000 : Math.min(2_000, firstMs * 2 ** Math.min(failures - 1, 10));
  return wholeMs * (0.5 + chance / 2);
}
