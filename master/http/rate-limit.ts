/**
 * How often what needs no token may be asked, by address and in all, in windows of a minute. Bounded: no more addresses
 * are remembered than are let in. PURE but for what it counts.
 */
import { OrcaError } from '../../shared/errors.js';

export interface RateLimit {
  /** Counts one. Throws TOO_MANY_REQUESTS. */
  take(address: string, nowMs: number): void;
}

const WINDOW_MS = 60_000;
const PER_ADDRESS = 60;
const IN_ALL = 1_200;

export function createRateLimit(perAddress = PER_ADDRESS, inAll = IN_ALL): RateLimit {
  const counts = new Map<string, number>();
  let beganMs = 0;
  let total = 0;
  return {
    take(address, nowMs) {
      if (Math.abs(nowMs - beganMs) >= WINDOW_MS) {
        counts.clear();
        total = 0;
        beganMs = nowMs;
      }
      const count = counts.get(address) ?? 0;
      if (total >= inAll || count >= perAddress)
        throw new OrcaError(
          'TOO_MANY_REQUESTS',
          `too many requests came from ${total >= inAll ? 'everywhere' : address}`,
        );
      counts.set(address, count + 1);
      total += 1;
    },
  };
}
