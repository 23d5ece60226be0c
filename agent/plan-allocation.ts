/**
 * PURE: the next step of one allocation and what is shown of it. One step at a time for its containers (never two of them
 * running); clearing away what is dead goes beside it. A container that ended is replaced, never restarted in place.
 */
import type { AllocationAssignment } from '../shared/protocol.js';
import { afterExit } from './backoff.js';
import type { ObservedContainer } from './engine.js';
import type { Facts } from './facts.js';
import { allocationFingerprint } from './labels.js';
import { planMake } from './plan-make.js';
import { missingSecret } from './secrets.js';
import { type AllocationPlan, isAlive, show } from './shown.js';
import { allocationKey, containerKey, type Step } from './step.js';
import { exitWords, seconds } from './words.js';

export function planAllocation(
  allocation: AllocationAssignment,
  containers: ObservedContainer[],
  cluster: string,
  facts: Facts,
  nowMs: number,
): AllocationPlan {
  if (allocation.desired === 'stopped') return planRetire(allocation, containers, facts);
  const [best, ...others] = containers.filter((c) => c.state !== 'removing').sort(byWorth);
  if (!best) {
    const attempt = (facts.attempts.get(allocation.id) ?? 0) + 1;
    return planMake({ allocation, cluster, facts, attempt, level: 0, container: null });
  }
  const cleared = others.map((other) => clearAway(other, allocation, facts));
  if (isAlive(best)) return planAlive(allocation, best, cleared, facts);
  if (best.state === 'created') return planCreated(allocation, best, cleared, facts);
  return planEnded(allocation, best, cleared, cluster, facts, nowMs);
}

/** Alive before created before ended; then the newest attempt; then by id, so that the order of input is no matter. */
function byWorth(a: ObservedContainer, b: ObservedContainer): number {
  const worth = (c: ObservedContainer): number => (isAlive(c) ? 2 : c.state === 'created' ? 1 : 0);
  return worth(b) - worth(a) || b.attempt - a.attempt || (a.id < b.id ? -1 : 1);
}

function isStale(allocation: AllocationAssignment, container: ObservedContainer): boolean {
  return container.fingerprint !== allocationFingerprint(allocation);
}

function planRetire(
  allocation: AllocationAssignment,
  containers: ObservedContainer[],
  facts: Facts,
): AllocationPlan {
  const [best] = [...containers].sort(byWorth);
  const steps = containers
    .filter((c) => c.state !== 'removing')
    .map((c): Step => {
      if (isAlive(c)) return stop(allocation, c, c === best);
      // What a job that took too long wrote last is part of why it failed.
      const [read] = allocation.group === 'job' ? readLogs(c, allocation, facts) : [];
      return read ?? { kind: 'remove-container', key: containerKey(c.id), id: c.id };
    });
  const failure = steps.map((step) => facts.failures.get(step.key)).find((f) => f !== undefined);
  const reason = best && isAlive(best) ? stopWords(allocation) : 'removing its container';
  const shown = best
    ? show(allocation, facts, { state: 'stopping', reason: failure?.message ?? reason, container: best })
    : show(allocation, facts, { state: 'gone', reason: null, container: null });
  return { steps, shown, wakeAtMs: null };
}

const stopWords = (a: AllocationAssignment): string =>
  `asked to stop; it is killed ${seconds(a.stopGraceMs)} after that`;

function planAlive(
  allocation: AllocationAssignment,
  container: ObservedContainer,
  cleared: Step[],
  facts: Facts,
): AllocationPlan {
  const health = facts.health.get(container.id);
  const stale = isStale(allocation, container) ? 'it belongs to an earlier allocation of that name' : null;
  const doomed = stale ?? health?.condemned ?? null;
  if (doomed !== null) {
    const reason = `${doomed}; being replaced`;
    const shown = show(allocation, facts, { state: 'unready', reason, container });
    return { steps: [...cleared, stop(allocation, container, true)], shown, wakeAtMs: null };
  }
  const state = health?.phase ?? 'starting';
  const reason =
    container.state === 'paused' ? 'paused by hand; `docker unpause` it' : (health?.reason ?? null);
  const shown = show(allocation, facts, {
    state,
    reason: state === 'ready' ? null : (reason ?? 'started, not asked for its health yet'),
    container,
  });
  return { steps: cleared, shown, wakeAtMs: null };
}

function planCreated(
  allocation: AllocationAssignment,
  container: ObservedContainer,
  cleared: Step[],
  facts: Facts,
): AllocationPlan {
  const key = allocationKey(allocation.id);
  if (isStale(allocation, container)) {
    const shown = show(allocation, facts, {
      state: 'pending',
      reason: 'removing a stray container',
      container,
    });
    return { steps: [{ kind: 'remove-container', key, id: container.id }], shown, wakeAtMs: null };
  }
  const failure = facts.failures.get(key);
  const { secretFiles, mountsWithin } = allocation.container;
  const looked = secretFiles === undefined && mountsWithin === undefined ? {} : { allocation };
  const start: Step = { kind: 'start-container', key, id: container.id, ...looked };
  const missing = secretFiles === undefined ? null : missingSecret(allocation.container, facts.secrets);
  if (missing !== null) {
    const shown = show(allocation, facts, { state: 'pending', reason: missing, container });
    return { steps: cleared, shown, wakeAtMs: null };
  }
  if (!failure) {
    const shown = show(allocation, facts, { state: 'starting', reason: 'starting its container', container });
    return { steps: [start], shown, wakeAtMs: null };
  }
  const shown = show(allocation, facts, { state: 'failed', reason: failure.message, container });
  return { steps: allocation.onExit === 'replace' ? [...cleared, start] : cleared, shown, wakeAtMs: null };
}

function planEnded(
  allocation: AllocationAssignment,
  container: ObservedContainer,
  cleared: Step[],
  cluster: string,
  facts: Facts,
  nowMs: number,
): AllocationPlan {
  const { level, dueMs, delayMs, upMs } = afterExit(container, nowMs);
  const condemned = facts.health.get(container.id)?.condemned;
  const words = condemned ?? exitWords(container, upMs);
  const beside = [...cleared, ...readLogs(container, allocation, facts)];
  const stale = isStale(allocation, container);
  if (allocation.onExit === 'report' && !stale) {
    // The rollout fails at the first report of an exit, so that report has the last lines.
    const isTold =
      container.startedAtMs === null || facts.lastExits.get(allocation.id)?.container === container.id;
    const shown = isTold
      ? show(allocation, facts, { state: 'exited', reason: words, container })
      : show(allocation, facts, { state: 'starting', reason: `${words}; reading its last lines`, container });
    return { steps: beside, shown, wakeAtMs: null };
  }
  if (!stale && nowMs < dueMs) {
    const reason = `${words}; next start ${seconds(delayMs)} after that`;
    const shown = show(allocation, facts, { state: 'pending', reason, container });
    return { steps: beside, shown, wakeAtMs: dueMs };
  }
  if (holdsPorts(allocation, container, nowMs)) {
    const reason = `${words}; waiting until Docker has freed its ports`;
    const shown = show(allocation, facts, { state: 'pending', reason, container });
    return { steps: beside, shown, wakeAtMs: (container.finishedAtMs ?? nowMs) + FREE_PORTS_MS };
  }
  const attempt = Math.max(container.attempt, facts.attempts.get(allocation.id) ?? 0) + 1;
  const made = planMake({ allocation, cluster, facts, attempt, level, container, after: words });
  return { ...made, steps: [...made.steps, ...beside] };
}

/** An exit is told before Docker has freed what was published; only fixed ports can collide, and not for ever. */
const FREE_PORTS_MS = 5_000;

function holdsPorts(allocation: AllocationAssignment, container: ObservedContainer, nowMs: number): boolean {
  const hasFixed = allocation.container.extraPorts.length > 0;
  return hasFixed && container.ports.length > 0 && nowMs < (container.finishedAtMs ?? 0) + FREE_PORTS_MS;
}

/** Beside the best container: a running double is stopped; what is dead is removed once its last words are kept. */
function clearAway(other: ObservedContainer, allocation: AllocationAssignment, facts: Facts): Step {
  if (isAlive(other)) return stop(allocation, other, false);
  return (
    readLogs(other, allocation, facts)[0] ?? {
      kind: 'remove-container',
      key: containerKey(other.id),
      id: other.id,
    }
  );
}

/** What is kept of an exit; a job has no other exit, and its container is gone soon after. */
const LAST_LINES = 20;
const JOB_LINES = 50;

function readLogs(container: ObservedContainer, allocation: AllocationAssignment, facts: Facts): Step[] {
  if (container.startedAtMs === null || facts.logs.has(container.id)) return [];
  return [
    {
      kind: 'read-logs',
      key: containerKey(container.id),
      id: container.id,
      allocation: allocation.id,
      lines: allocation.group === 'job' ? JOB_LINES : LAST_LINES,
    },
  ];
}

function stop(allocation: AllocationAssignment, container: ObservedContainer, isBest: boolean): Step {
  const key = isBest ? allocationKey(allocation.id) : containerKey(container.id);
  return { kind: 'stop-container', key, id: container.id, graceMs: allocation.stopGraceMs };
}
