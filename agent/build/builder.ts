/**
 * The builds of this node: one at a time, the projects in turn, the others say how many are before them. A build ends when nothing wants it any more. An
 * agent that is started again begins what is still wanted anew, and removes what an earlier one has left.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildObserved, BuildOrder } from '../../shared/build.js';
import { messageOf } from '../../shared/errors.js';
import type { LogLine, SentSecrets } from '../../shared/protocol.js';
import { type Engine, EngineError, type ObservedImage } from '../engine.js';
import type { SecretFiles } from '../secret-files.js';
import { hideValues } from '../secrets.js';
import { runBuild } from './build.js';
import { inTurn } from './fair.js';
import { openBuildLogs } from './log.js';
import { createSourceReader, type SourceReader } from './read.js';

export interface Builder {
  /** Resolves with the image; `onChange` is called at each step. Rejects with an `EngineError`. */
  build(
    order: BuildOrder,
    cluster: string,
    secrets: SentSecrets,
    onChange: () => void,
  ): Promise<ObservedImage>;
  /** What is known of a build that this agent has begun or queued. */
  observed(id: string): BuildObserved | null;
  /** Ends and forgets all others. */
  keep(ids: ReadonlySet<string>): void;
  /** Those that have files on the tmpfs now. */
  running(): string[];
  reader: SourceReader;
  log(
    id: string,
    options: { tail: number | null; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
}

interface Entry {
  project: string;
  observed: BuildObserved;
  change(more: Partial<BuildObserved>): void;
  ended: AbortController;
  start(): void;
}

/** Lines of a failure that go with its reason. */
const LAST_LINES = 20;
/** A build under which Docker goes away so often is what ends it. */
const MAX_TRIES = 5;
/** So many turns are remembered. */
const KEPT_TURNS = 100;
/** How often a step is told of at most. */
const TELL_MS = 500;

export function createBuilder(options: {
  engine: Engine;
  /** `HOME/agent/builds`. */
  folder: string;
  secretFiles: Pick<SecretFiles, 'write'>;
}): Builder {
  const { folder } = options;
  const logs = openBuildLogs(join(folder, 'logs'));
  const reader = createSourceReader(options);
  const entries = new Map<string, Entry>();
  const queue: string[] = [];
  /** Projects of those that had their turn. */
  const served: string[] = [];
  let current: string | null = null;
  let cleared: Promise<void> | null = null;

  /** By id, how often Docker went away under it. */
  const broken = new Map<string, number>();
  const mayTryAgain = (id: string): boolean => {
    const count = (broken.get(id) ?? 0) + 1;
    broken.set(id, count);
    return count < MAX_TRIES;
  };
  const tellAll = (): void => {
    for (const [at, id] of queue.entries()) tellQueued(entries.get(id), at + (current === null ? 0 : 1));
  };
  const next = (): void => {
    if (current !== null) return;
    current = queue.shift() ?? null;
    if (current !== null) {
      served.push(entries.get(current)?.project ?? '');
      served.splice(0, served.length - KEPT_TURNS);
    }
    tellAll();
    if (current !== null) entries.get(current)?.start();
  };
  /** Resolves when it is its turn. */
  const turn = (id: string, entry: Entry): Promise<void> =>
    new Promise((resolve, reject) => {
      entry.start = resolve;
      entry.ended.signal.addEventListener('abort', () => {
        const at = queue.indexOf(id);
        if (at >= 0) queue.splice(at, 1);
        tellAll();
        reject(cancelled());
      });
      queue.push(id);
      const waiting = queue.map((one) => ({ id: one, project: entries.get(one)?.project ?? '' }));
      queue.splice(0, queue.length, ...inTurn(waiting, served));
      tellAll();
      next();
    });

  return {
    async build(order, cluster, secrets, onChange) {
      const tell = atMostEvery(TELL_MS, onChange);
      const observed = queued();
      const change = (more: Partial<BuildObserved>): void => {
        Object.assign(observed, more);
        tell();
      };
      const { project } = order;
      const entry: Entry = {
        project,
        observed,
        change,
        ended: new AbortController(),
        start: () => undefined,
      };
      entries.get(order.id)?.ended.abort(cancelled());
      entries.set(order.id, entry);
      cleared ??= clearFolder(folder);
      await cleared;
      await turn(order.id, entry);
      const log = await logs.open(order.id);
      change({ startedAtMs: Date.now() });
      try {
        const running = { secrets, log, onProgress: change, signal: entry.ended.signal };
        const image = await runBuild(order, { ...options, cluster }, running);
        change({ state: 'done', endedAtMs: Date.now() });
        return image;
      } catch (error) {
        const reason = hideValues(messageOf(error), secrets);
        log.line(`orca: ${reason}`);
        const isAgain = error instanceof EngineError && error.kind === 'down' && mayTryAgain(order.id);
        change(
          isAgain
            ? { state: 'queued', reason: `begins again: ${reason}` }
            : failed(reason, log.last(LAST_LINES)),
        );
        throw isAgain ? error : new EngineError('refused', reason, error);
      } finally {
        await log.end();
        if (current === order.id) current = null;
        next();
      }
    },
    observed: (id) => entries.get(id)?.observed ?? null,
    keep(ids) {
      for (const [id, { ended }] of entries)
        if (!ids.has(id)) {
          ended.abort(cancelled());
          entries.delete(id);
          broken.delete(id);
        }
    },
    running: () => [...(current === null ? [] : [current]), ...reader.running()],
    reader,
    log: logs.read,
  };
}

const queued = (): BuildObserved => ({
  state: 'queued',
  reason: 'waits for its turn',
  commit: null,
  author: null,
  subject: null,
  tag: null,
  startedAtMs: null,
  endedAtMs: null,
  sizeBytes: null,
  lastLogs: [],
});

const failed = (reason: string, lastLogs: string[]): Partial<BuildObserved> => ({
  state: 'failed',
  reason,
  lastLogs: lastLogs.map((line) => line.slice(0, 1_000)),
  endedAtMs: Date.now(),
});

function tellQueued(entry: Entry | undefined, before: number): void {
  const reason =
    before === 0 ? 'waits for its turn' : `${before} ${before === 1 ? 'build' : 'builds'} before this one`;
  entry?.change({ reason });
}

const cancelled = (): EngineError =>
  new EngineError('refused', 'it was cancelled: nothing wants it any more');

/** What builds of an agent that was killed have left; git, should it still run, ends with its folder. */
async function clearFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (/^b-/.test(name))
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
}

/** The first call at once, the last one in any case. */
function atMostEvery(ms: number, call: () => void): () => void {
  let timer: NodeJS.Timeout | null = null;
  let isDue = false;
  const fire = (): void => {
    call();
    timer = setTimeout(() => {
      timer = null;
      if (isDue) fire();
      isDue = false;
    }, ms);
    timer.unref();
  };
  return () => {
    if (timer) isDue = true;
    else fire();
  };
}
