/** PURE: what an allocation's plan answers, and how what is reported of it is put together from facts. */
import type { AllocationAssignment, AllocationObserved } from '../shared/protocol.js';
import type { ObservedContainer } from './engine.js';
import type { Facts } from './facts.js';
import type { Step } from './step.js';

/** What is reported of an allocation, but for the two things that need more than facts: since when, and where. */
export type Shown = Omit<AllocationObserved, 'sinceMs' | 'endpoint'>;

export interface AllocationPlan {
  steps: Step[];
  shown: Shown;
  wakeAtMs: number | null;
}

export const isAlive = (container: ObservedContainer): boolean =>
  container.state === 'running' || container.state === 'paused' || container.state === 'restarting';

/** The report of an allocation. The last exit is shown until its successor is ready, and a job's to its end. */
export function show(
  allocation: AllocationAssignment,
  facts: Facts,
  now: { state: Shown['state']; reason: string | null; container: ObservedContainer | null },
): Shown {
  const { state, reason, container } = now;
  const quiet = state === 'ready' || state === 'gone' || state === 'stopping' || state === 'unready';
  const isJobOver = allocation.group === 'job' && (state === 'gone' || state === 'stopping');
  const last = quiet && !isJobOver ? undefined : facts.lastExits.get(allocation.id);
  const ended = !quiet && container && !isAlive(container) ? container.exitCode : null;
  return {
    id: allocation.id,
    state,
    reason,
    restarts: Math.max(0, (container?.attempt ?? facts.attempts.get(allocation.id) ?? 1) - 1),
    exitCode: ended ?? last?.exitCode ?? null,
    lastLogs: last?.lines ?? [],
    containerId: container?.id ?? null,
  };
}
