/** One prober for each running container that an allocation wants; what they find is put into the facts. */
import type { Assignment } from '../shared/protocol.js';
import type { Engine } from './engine.js';
import type { Facts } from './facts.js';
import { startProber } from './prober.js';

export interface Probes {
  /** Starts and ends probers so that they fit the assignment and the facts. */
  follow(assignment: Assignment): void;
  stop(): void;
}

export interface ProbesOptions {
  engine: Engine;
  facts: Facts;
  /** Ids of containers that were ready when an earlier agent last looked. */
  wasReady: ReadonlySet<string | null>;
  onChange: () => void;
}

export function createProbes({ engine, facts, wasReady, onChange }: ProbesOptions): Probes {
  const probers = new Map<string, { startedAtMs: number; stop: () => void }>();
  const end = (id: string): void => {
    probers.get(id)?.stop();
    probers.delete(id);
  };
  return {
    follow(assignment) {
      const wanted = new Map(assignment.allocations.map((allocation) => [allocation.id, allocation]));
      for (const container of facts.containers.values()) {
        const allocation = wanted.get(container.allocation);
        const startedAtMs = container.startedAtMs ?? 0;
        const isWanted = container.state === 'running' && allocation?.desired === 'running';
        const isSame = probers.get(container.id)?.startedAtMs === startedAtMs;
        if (isWanted && isSame) continue;
        end(container.id);
        if (!isWanted) continue;
        const stop = startProber({
          engine,
          containerId: container.id,
          address: container.address,
          startedAtMs,
          spec: allocation.container,
          wasReady: wasReady.has(container.id),
          onHealth: (health) => {
            facts.health.set(container.id, health);
            onChange();
          },
        });
        probers.set(container.id, { startedAtMs, stop });
      }
      for (const id of [...probers.keys()]) if (!facts.containers.has(id)) end(id);
    },
    stop() {
      for (const id of [...probers.keys()]) end(id);
    },
  };
}
