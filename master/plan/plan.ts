/**
 * The one entry point of the planner: from what is wanted and observed of one service to the writes that bring it one
 * step nearer, or the reasons why nothing can be done yet. Pure: no clock, no randomness, no I/O.
 */
import type { Plan, ServiceSnapshot } from './snapshot.js';

/** Plans one service. Same snapshot and time, same plan; the order of the snapshot's lists does not matter. */
export function planService(_snapshot: ServiceSnapshot, _nowMs: number): Plan {
  return { actions: [], waits: [], wakeAtMs: null };
}
