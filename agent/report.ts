/** What is reported of each allocation: the plan's words, since when they hold, and where the allocation listens. */
import type {
  AllocationAssignment,
  AllocationObserved,
  Assignment,
  Endpoint,
  EngineObserved,
} from '../shared/protocol.js';
import type { ObservedContainer } from './engine.js';
import type { Facts } from './facts.js';
import type { Plan } from './plan.js';

export interface Reporter {
  report(
    assignment: Assignment | null,
    plan: Plan | null,
    facts: Facts,
    engine: EngineObserved,
    nowMs: number,
  ): AllocationObserved[];
}

/** Remembers when each allocation entered its state. `before`: what an earlier agent of this node last reported. */
export function createReporter(before: AllocationObserved[]): Reporter {
  const remembered = new Map(before.map((allocation) => [allocation.id, allocation]));
  let since = new Map<string, { state: string; sinceMs: number }>(remembered);
  return {
    report(assignment, plan, facts, engine, nowMs) {
      const shown = new Map(plan?.allocations.map((allocation) => [allocation.id, allocation]));
      const next = new Map<string, { state: string; sinceMs: number }>();
      const reports = (assignment?.allocations ?? []).map((allocation): AllocationObserved => {
        const seen = shown.get(allocation.id);
        const earlier = plan === null ? remembered.get(allocation.id) : undefined;
        const now = seen ?? earlier ?? unseen(allocation);
        const last = since.get(allocation.id);
        const sinceMs = last?.state === now.state ? last.sinceMs : nowMs;
        next.set(allocation.id, { state: now.state, sinceMs });
        const container = facts.containers.get(now.containerId ?? '');
        const endpoint = seen ? endpointOf(allocation, container) : (earlier?.endpoint ?? null);
        const isKnown = engine.state === 'up' || now.state === 'gone';
        return { ...now, reason: isKnown ? now.reason : whileDown(now.reason, engine), sinceMs, endpoint };
      });
      since = next;
      return reports;
    },
  };
}

function unseen({ id }: AllocationAssignment): Omit<AllocationObserved, 'sinceMs' | 'endpoint'> {
  return {
    id,
    state: 'pending',
    reason: 'not looked at yet',
    restarts: 0,
    exitCode: null,
    lastLogs: [],
    containerId: null,
  };
}

/** The last thing seen stays shown, with the reason why nothing newer is. */
function whileDown(reason: string | null, engine: EngineObserved): string {
  const own = reason?.split('; Docker does not answer')[0] ?? null;
  return [own, engine.reason].filter((part) => part !== null).join('; ');
}

/** The published address of the service's port, as inspect shows it; null while nothing is published. */
export function endpointOf(
  allocation: AllocationAssignment,
  container: ObservedContainer | undefined,
): Endpoint | null {
  const { port, extraPorts } = allocation.container;
  const extra = new Set(extraPorts.filter((e) => e.container === port).map((e) => e.host));
  const binding = container?.ports.find(
    (p) => p.container === port && p.protocol === 'tcp' && !extra.has(p.hostPort),
  );
  return binding && binding.hostPort > 0 ? { address: binding.hostAddress, port: binding.hostPort } : null;
}
