/**
 * The full look: everything is planned again from time to time, whether or not a change was heard of. A turn at a time, so that
 * what is new never waits behind it and a master at rest is at rest.
 */
import type { Store } from '../store/store.js';

export interface Look {
  /** Marks what is due by now; false when that is nothing. */
  take(nowMs: number): boolean;
  /** When the next turn is due, ms since the epoch. */
  dueMs(): number;
}

/** So many services and nodes in a turn, and no other turn within this time. */
const TURN = 20;
const TURN_MS = 1_000;
/** What a new master knows of its nodes is old: the agents that come back have it planned, and then comes the rest. */
const FIRST_MS = 1_000;

/** Looks at all of the store at least every `everyMs`, or as often as its turns allow. */
export function createLook(store: Store, everyMs: number, nowMs: number): Look {
  let services: string[] = [];
  let nodes: string[] = [];
  let dueMs = nowMs + Math.min(FIRST_MS, everyMs);
  let againMs = dueMs;
  return {
    take(nowMs) {
      if (nowMs < dueMs) return false;
      if (nowMs >= againMs && services.length + nodes.length === 0) {
        services = store.serviceKeys();
        nodes = store.nodes().map(({ id }) => id);
        againMs = nowMs + everyMs;
      }
      for (const key of services.splice(0, TURN)) store.dirty.services.add(key);
      for (const id of nodes.splice(0, TURN)) store.dirty.nodes.add(id);
      dueMs = services.length + nodes.length > 0 ? nowMs + TURN_MS : Math.max(againMs, nowMs + TURN_MS);
      return true;
    },
    dueMs: () => dueMs,
  };
}
