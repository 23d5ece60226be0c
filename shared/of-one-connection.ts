/** What one connection sends is no other's trouble. */
import { messageOf } from './errors.js';
import type { Log } from './log.js';

/** A listener of one connection: what it throws is logged and ends that connection (`end`), and concerns no other. */
export function ofOneConnection<A extends unknown[]>(
  log: Log,
  listener: (...args: A) => void,
  end: (...args: A) => void,
): (...args: A) => void {
  return (...args) => {
    try {
      listener(...args);
    } catch (error) {
      const stack = error instanceof Error ? error.stack : null;
      log.error(
        { reason: messageOf(error), stack },
        'a connection is ended: what it sent could not be handled',
      );
      end(...args);
    }
  };
}
