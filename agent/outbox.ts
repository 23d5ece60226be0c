/**
 * Sends statuses: complete, numbered, the newest only, and again until the master's receipt names that number or a
 * newer one. Changes that come close together are one status; one that says nothing new is not sent, but for a slow
 * refresh.
 */
import type { Status } from '../shared/protocol.js';

export interface OutboxOptions {
  status: () => Omit<Status, 'type' | 'number'> | null;
  send: (status: Status) => void;
  isOpen: () => boolean;
  timing?: { gatherMs: number; resendMs: number; refreshMs: number };
}

export interface Outbox {
  changed(): void;
  received(number: number): void;
  /** A session has begun: what was said on an earlier one counts for nothing. */
  start(): void;
  stop(): void;
}

export function createOutbox(options: OutboxOptions): Outbox {
  const timing = options.timing ?? { gatherMs: 5, resendMs: 2_000, refreshMs: 30_000 };
  let number = 0;
  let receivedNumber = 0;
  let sentJson: string | null = null;
  let sentAtMs = 0;
  let gathering: NodeJS.Timeout | null = null;
  let ticking: NodeJS.Timeout | null = null;

  const flush = (): void => {
    gathering = null;
    const status = options.isOpen() ? options.status() : null;
    if (!status) return;
    const json = JSON.stringify({ ...status, observedAtMs: 0 });
    const waitedMs = Date.now() - sentAtMs;
    const isUnheard = receivedNumber < number && waitedMs >= timing.resendMs;
    if (json === sentJson && !isUnheard && waitedMs < timing.refreshMs) return;
    number += 1;
    sentJson = json;
    sentAtMs = Date.now();
    options.send({ type: 'status', number, ...status });
  };
  const changed = (): void => {
    gathering ??= setTimeout(flush, timing.gatherMs);
  };
  const stop = (): void => {
    if (gathering) clearTimeout(gathering);
    if (ticking) clearInterval(ticking);
    gathering = null;
    ticking = null;
  };
  return {
    changed,
    received(seen) {
      receivedNumber = Math.max(receivedNumber, seen);
    },
    start() {
      stop();
      sentJson = null;
      receivedNumber = number;
      ticking = setInterval(changed, timing.resendMs / 2);
      flush();
    },
    stop,
  };
}
