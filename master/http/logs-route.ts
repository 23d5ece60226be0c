/** `GET /services/{name}/logs`: the lines of all its allocations, as their agents send them. */
import * as z from 'zod';
import { type LogFrame, logFrameSchema } from '../../shared/api.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import type { Allocation } from '../../shared/model.js';
import { groupSchema, type LogLine } from '../../shared/protocol.js';
import type { Store } from '../store/store.js';
import { KEPT_ROLLOUTS } from '../store/transaction.js';
import { namedService } from './named-service.js';
import type { Live } from './ports.js';
import { iso } from './rollout-view.js';
import { flag, isSet, type Route, route, unset } from './route.js';
import { readSince } from './since.js';

interface LogsQuery {
  tail: number | null;
  sinceMs: number | null;
  group: string | null;
}

const DEFAULT_TAIL = 100;
/** Of what is read at once, and of what waits for a reader who is slow: then it is cut, and says so. */
const MAX_CHARS = 64 * 1024 * 1024;
const MAX_WAITING = 20_000;

export function logsRoute(store: Store, live: Live): Route {
  const { keyOf, reads } = namedService(store);
  return route('GET /services/:name/logs', {
    touches: reads,
    summary: 'Log lines, newline-delimited JSON; goes on with ?follow=true',
    query: z.object({
      project: unset(z.string()),
      tail: unset(z.coerce.number().int().min(0).max(100_000)),
      since: unset(z.string()),
      follow: flag,
      group: unset(groupSchema),
    }),
    reply: logFrameSchema,
    run: (call) => {
      const { query, signal } = call;
      const key = keyOf(call);
      const sinceMs = readSince(query.since);
      const wanted = {
        tail: query.tail ?? (sinceMs === null ? DEFAULT_TAIL : null),
        sinceMs,
        group: query.group ?? null,
      };
      const lines = isSet(query.follow)
        ? followLogs(store, live, key, wanted, signal)
        : readLogs(store, live, key, wanted, signal);
      return { kind: 'lines', lines };
    },
  });
}

const allocationsOf = (store: Store, key: string, { group }: LogsQuery): Allocation[] =>
  store.allocations(key).filter((a) => group === null || a.group === group);

/** Of the newest rollout that has had a job, in the place of its container, which is gone. They have no times of their own. */
function jobLines(store: Store, key: string, query: LogsQuery): LogFrame[] {
  const isThere = store
    .allocations(key)
    .some(({ group, desired }) => group === 'job' && desired !== 'stopped');
  if (query.group !== 'job' || isThere) return [];
  const job = store.rollouts(key, KEPT_ROLLOUTS).find((rollout) => rollout.job)?.job;
  if (!job || job.endedAtMs < (query.sinceMs ?? 0)) return [];
  const frame = (text: string) => frameOf(job.allocation, { atMs: job.endedAtMs, stream: 'stdout', text });
  return job.lines.map(frame).slice(Math.max(0, job.lines.length - (query.tail ?? DEFAULT_TAIL)));
}

/** All lines there are, in the order of their times. An allocation whose node is away says so in its place. */
async function* readLogs(
  store: Store,
  live: Live,
  key: string,
  query: LogsQuery,
  signal: AbortSignal,
): AsyncGenerator<LogFrame> {
  const { tail, sinceMs } = query;
  const kept = jobLines(store, key, query);
  if (kept.length > 0) return yield* kept;
  let chars = 0;
  const batches = await Promise.all(
    allocationsOf(store, key, query).map(async ({ id, node }) => {
      const frames: LogFrame[] = [];
      for await (const lines of openLogs(
        live,
        node,
        { allocation: id, tail, sinceMs, follow: false },
        signal,
      )) {
        for (const line of lines) frames.push(frameOf(id, line));
        chars += lines.reduce((sum, { text }) => sum + text.length, 0);
        if (chars < MAX_CHARS) continue;
        frames.push(note(id, 'there is more than can be shown at once; ask with --tail, or a later --since'));
        break;
      }
      return frames;
    }),
  );
  const frames = batches.flat().sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  yield* tail === null ? frames : frames.slice(Math.max(0, frames.length - tail));
}

/** Lines as they come, of new allocations too, until the reader goes away. */
async function* followLogs(
  store: Store,
  live: Live,
  key: string,
  query: LogsQuery,
  signal: AbortSignal,
): AsyncGenerator<LogFrame> {
  const waiting: LogFrame[] = jobLines(store, key, query);
  const open = new Set<string>();
  const bell = createBell();
  const closing = new AbortController();
  const unwatch = store.watch(({ services }) => services.has(key) && bell.ring());
  signal.addEventListener('abort', bell.ring);
  const pump = async ({ id, node, createdAtMs }: Allocation): Promise<void> => {
    const request = {
      allocation: id,
      tail: createdAtMs > startedAtMs ? null : query.tail,
      sinceMs: query.sinceMs,
      follow: true,
    };
    for await (const lines of openLogs(live, node, request, closing.signal)) {
      for (const line of lines) waiting.push(frameOf(id, line));
      bell.ring();
      if (waiting.length <= MAX_WAITING) continue;
      waiting.push(note(id, 'the reader was too slow; the log was cut here'));
      return;
    }
  };
  /** What goes wrong with the log of one copy is said in its place, and ends nothing else. */
  const pumped = (allocation: Allocation): void =>
    void pump(allocation).catch((error: unknown) => {
      waiting.push(note(allocation.id, `its log could not be read: ${messageOf(error)}`));
      bell.ring();
    });
  const startedAtMs = Date.now();
  try {
    while (!signal.aborted) {
      for (const allocation of allocationsOf(store, key, query)) {
        if (!open.has(allocation.id)) pumped(allocation);
        open.add(allocation.id);
      }
      yield* waiting.splice(0);
      await bell.rung();
    }
  } finally {
    unwatch();
    signal.removeEventListener('abort', bell.ring);
    closing.abort();
  }
}

/** Remembers that it was rung until somebody waits for it, so that no news is missed. */
function createBell(): { ring: () => void; rung: () => Promise<void> } {
  let isRung = false;
  let wake: (() => void) | null = null;
  return {
    ring: () => {
      isRung = true;
      wake?.();
    },
    rung: async () => {
      if (!isRung)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      isRung = false;
    },
  };
}

async function* openLogs(
  live: Live,
  node: string,
  request: Parameters<Live['openLogs']>[1],
  signal: AbortSignal,
): AsyncGenerator<LogLine[]> {
  try {
    yield* live.openLogs(node, request, signal);
  } catch (error) {
    if (!(error instanceof OrcaError)) throw error;
    yield [{ atMs: Date.now(), stream: 'stderr', text: `orca: ${error.message}` }];
  }
}

const note = (allocation: string, text: string): LogFrame =>
  frameOf(allocation, { atMs: Date.now(), stream: 'stderr', text: `orca: ${text}` });

const frameOf = (allocation: string, { atMs, stream, text }: LogLine): LogFrame => ({
  at: iso(atMs),
  allocation,
  stream,
  text,
});
