/**
 * Answers a master that may know less than this agent: with the assignment that is remembered, and with what Docker runs of
 * the cluster. Where nothing is remembered, containers' labels say what they were made for. Waits until Docker answers, as
 * long as the session lasts; changes nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import {
  type AgentMessage,
  type AllocationAssignment,
  type AllocationObserved,
  type Assignment,
  MAX_FRAME_BYTES,
  type Recalled,
} from '../shared/protocol.js';
import { encode } from '../shared/wire.js';
import type { Engine, ObservedContainer } from './engine.js';
import { readSource } from './labels.js';
import { endpointOf } from './report.js';
import { isAlive } from './shown.js';

export interface RecallOptions {
  engine: Engine;
  assignment: () => Assignment | null;
  /** Null while nothing true can be said. */
  observed: () => AllocationObserved[] | null;
  log: Log;
  retryMs?: number;
}

export interface Recall {
  /** Returns at once; the answer follows. */
  answer(asked: { id: string; cluster: string }, reply: (message: AgentMessage) => Promise<void>): void;
  /** Nobody waits for answers any more. */
  endAll(): void;
}

const RETRY_MS = 1_000;
/** A master asks once for itself, and once for each user who asks it. */
const MAX_OPEN = 20;

export function createRecall(options: RecallOptions): Recall {
  let session = new AbortController();
  const open = new Set<string>();
  const untilThere = async (cluster: string, signal: AbortSignal): Promise<Recalled | null> => {
    while (!signal.aborted) {
      try {
        return await recalled(options, cluster);
      } catch (error) {
        options.log.warn({ reason: messageOf(error) }, 'what runs here can not be told yet');
        await delay(options.retryMs ?? RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return null;
  };
  return {
    answer({ id, cluster }, reply) {
      const { signal } = session;
      if (open.has(id) || open.size >= MAX_OPEN) return;
      open.add(id);
      void untilThere(cluster, signal)
        .then((found) => (found ? reply(bounded({ ...found, id })) : undefined))
        .catch(() => undefined)
        .finally(() => open.delete(id));
    },
    endAll() {
      session.abort();
      open.clear();
      session = new AbortController();
    },
  };
}

async function recalled({ engine, assignment, observed }: RecallOptions, cluster: string): Promise<Recalled> {
  const held = assignment();
  const remembered = held?.cluster === cluster ? held : null;
  const containers = await engine.containers(cluster);
  const seen = observed();
  if (remembered !== null && seen === null) throw new Error('Docker was not looked at yet');
  const labelled = remembered === null ? await fromLabels(engine, containers) : [];
  return {
    type: 'recalled',
    id: '',
    problem: null,
    assignment: remembered,
    containers: containers.map((c) => ({
      id: c.id,
      allocation: c.allocation,
      isAlive: isAlive(c),
    })),
    labelled: labelled.map(({ allocation }) => allocation),
    observed: remembered === null ? labelled.map(asSeen) : (seen ?? []),
  };
}

interface Labelled {
  allocation: AllocationAssignment;
  container: ObservedContainer;
}

/** The newest of each allocation that runs. */
async function fromLabels(engine: Engine, containers: ObservedContainer[]): Promise<Labelled[]> {
  const alive = containers.filter(isAlive).sort((a, b) => a.attempt - b.attempt);
  const newest = new Map(alive.map((container) => [container.allocation, container]));
  const found = await Promise.all(
    [...newest.values()].map(async (container) => {
      const made = await engine.madeWith(container.id);
      const allocation = made && readSource(made.labels, made.env);
      return allocation ? [{ allocation, container }] : [];
    }),
  );
  return found.flat();
}

/** Nobody has asked it for its health yet. */
function asSeen({ allocation, container }: Labelled): AllocationObserved {
  return {
    id: allocation.id,
    state: 'starting',
    reason: 'known by its labels; not asked for its health yet',
    sinceMs: container.startedAtMs ?? container.createdAtMs,
    restarts: container.attempt - 1,
    exitCode: null,
    lastLogs: [],
    endpoint: endpointOf(allocation, container),
    containerId: container.id,
  };
}

/** What does not fit into a frame is not sent half. */
function bounded(answer: Recalled): Recalled {
  if (Buffer.byteLength(encode(answer)) <= MAX_FRAME_BYTES) return answer;
  const problem = `what it remembers is larger than ${MAX_FRAME_BYTES / 1024 ** 2} MiB`;
  return { ...answer, problem, assignment: null, labelled: [], observed: [] };
}
