/** Waiting for a condition: the one way in which tests let time pass. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks `look` until it answers something other than null, undefined or false, and answers that; throws after `timeoutMs`
 * (default 30 s) with `what` was waited for and the last error that `look` threw.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | Promise<T>,
  { timeoutMs = 30_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Exclude<T, null | undefined | false>> {
  const deadlineMs = Date.now() + timeoutMs;
  let last = 'it never held';
  while (Date.now() < deadlineMs) {
    try {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) {
        return found as Exclude<T, null | undefined | false>;
      }
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await pause(everyMs);
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}: ${last}`);
}
