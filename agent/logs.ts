/**
 * The logs' side stream of a session: reads a container's log from the engine and sends it in batches. The next batch
 * is read only when the one before has left for the network, so a slow reader holds up the reading, not the memory.
 */
import { buildOfLog } from '../shared/build.js';
import { messageOf } from '../shared/errors.js';
import type { AgentMessage, LogLine, MasterMessage } from '../shared/protocol.js';
import type { Builder } from './build/builder.js';
import type { Engine, ObservedContainer } from './engine.js';
import type { Facts } from './facts.js';

export type LogsOpen = Extract<MasterMessage, { type: 'logs-open' }>;

export interface Logs {
  open(request: LogsOpen, send: (message: AgentMessage) => Promise<void>): void;
  close(id: string): void;
  closeAll(): void;
}

const MAX_BATCH_LINES = 500;
const GATHER_MS = 20;

export function createLogs(engine: Engine, facts: () => Facts, builder: Builder | null = null): Logs {
  const streams = new Map<string, AbortController>();
  /** Or why there are none. */
  const linesOf = (request: LogsOpen, signal: AbortSignal): AsyncIterable<LogLine> | string => {
    const { allocation } = request;
    const build = builder && buildOfLog(allocation);
    if (build) return builder.log(build, request, signal);
    const container = newest(allocation, facts());
    return container
      ? engine.logs(container.id, request, signal)
      : `${allocation} has no container on this node`;
  };
  const run = async (
    request: LogsOpen,
    send: (message: AgentMessage) => Promise<void>,
    signal: AbortSignal,
  ): Promise<string | null> => {
    const lines = linesOf(request, signal);
    if (typeof lines === 'string') return lines;
    for await (const batch of batches(lines)) {
      await send({ type: 'logs-lines', id: request.id, lines: batch });
    }
    return null;
  };
  return {
    open(request, send) {
      streams.get(request.id)?.abort();
      const stream = new AbortController();
      streams.set(request.id, stream);
      run(request, send, stream.signal)
        .catch((error: unknown) => messageOf(error))
        .then((reason) => {
          streams.delete(request.id);
          return stream.signal.aborted ? undefined : send({ type: 'logs-end', id: request.id, reason });
        })
        .catch(() => undefined);
    },
    close(id) {
      streams.get(id)?.abort();
    },
    closeAll() {
      for (const stream of streams.values()) stream.abort();
    },
  };
}

function newest(allocation: string, facts: Facts): ObservedContainer | undefined {
  return [...facts.containers.values()]
    .filter((container) => container.allocation === allocation)
    .sort((a, b) => b.attempt - a.attempt)[0];
}

/** Lines that are there within a moment go together; never more than one read ahead of the consumer. */
async function* batches(lines: AsyncIterable<LogLine>): AsyncGenerator<LogLine[]> {
  const iterator = lines[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (let first = await next; !first.done; first = await next) {
      const batch = [first.value];
      next = iterator.next();
      for (let more = await soon(next); more && batch.length < MAX_BATCH_LINES; more = await soon(next)) {
        batch.push(more);
        next = iterator.next();
      }
      yield batch;
    }
  } finally {
    next.catch(() => undefined);
    void iterator.return?.(undefined);
  }
}

/** The value if it comes within a moment, else null (the promise is asked again later). */
async function soon(next: Promise<IteratorResult<LogLine>>): Promise<LogLine | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), GATHER_MS);
  });
  const result = await Promise.race([next.catch(() => null), late]).finally(() => clearTimeout(timer));
  return result && !result.done ? result.value : null;
}
