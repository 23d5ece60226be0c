/**
 * Room for bodies of senders who have not proved anything yet, in bytes that are taken before a body is read and given back when it
 * is done with. In the order of asking; who waits has sent no more than a socket's buffer. Refuses with TOO_MANY_REQUESTS who waits too long,
 * or behind too many.
 */
import { OrcaError } from '../../shared/errors.js';

export interface BodyRoom {
  /** Resolves with how to give it back. */
  take(bytes: number): Promise<() => void>;
}

export function createBodyRoom(total: number, patienceMs: number, maxWaiting: number): BodyRoom {
  let free = total;
  const waiting: { bytes: number; enter: () => void }[] = [];
  const next = (): void => {
    for (let [first] = waiting; first !== undefined && first.bytes <= free; [first] = waiting) {
      waiting.shift();
      free -= first.bytes;
      first.enter();
    }
  };
  const giveBack = (bytes: number): (() => void) => {
    let isHeld = true;
    return () => {
      if (isHeld) free += bytes;
      isHeld = false;
      next();
    };
  };
  return {
    take(bytes) {
      return new Promise((resolve, reject) => {
        if (waiting.length >= maxWaiting) {
          reject(tooMany());
          return;
        }
        const enter = (): void => {
          clearTimeout(timer);
          resolve(giveBack(bytes));
        };
        const one = { bytes, enter };
        const timer = setTimeout(() => {
          const at = waiting.indexOf(one);
          if (at >= 0) waiting.splice(at, 1);
          reject(tooMany());
          next();
        }, patienceMs);
        waiting.push(one);
        next();
      });
    },
  };
}

const tooMany = (): OrcaError =>
  new OrcaError('TOO_MANY_REQUESTS', 'too many bodies are on their way at once', {
    hint: 'Send it again in a moment: at GitHub with "Redeliver".',
  });
