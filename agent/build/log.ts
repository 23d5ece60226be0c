/**
 * Logs of builds, each a file of the node's (0600): they outlive the agent, and the master asks for them when somebody wants to read. At most 10 MB
 * of a build are kept, from its beginning, and its last 200 lines; what is left out between is said. Of all builds the newest fifty.
 */
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine } from '../../shared/protocol.js';

const MAX_BYTES = 10_000_000;
const LAST_LINES = 200;
const KEPT_LOGS = 50;
const FLUSH_MS = 200;

export interface BuildLog {
  line(text: string): void;
  /** The newest lines, oldest first. */
  last(count: number): string[];
  /** Writes what is left; nothing more comes. */
  end(): Promise<void>;
}

export interface BuildLogs {
  /** Goes on with what is there: a build that begins again is in the same log. Never rejects. */
  open(id: string): Promise<BuildLog>;
  /** The lines that are there; with `follow` those that come, until the build's log has ended. */
  read(
    id: string,
    options: { tail: number | null; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
}

export function openBuildLogs(folder: string, maxBytes = MAX_BYTES): BuildLogs {
  const live = new Set<string>();
  const pathOf = (id: string): string => join(folder, `${id}.log`);
  return {
    async open(id) {
      await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => undefined);
      await prune(folder).catch(() => undefined);
      live.add(id);
      return writer(pathOf(id), maxBytes, () => live.delete(id));
    },
    async *read(id, { tail, follow }, signal) {
      if (!isName(id)) throw new Error(`${id} is no build`);
      const changes = createChanges(pathOf(id), signal);
      let from = 0;
      /** Until the end is seen for the first time only the last lines count. */
      let held: LogLine[] | null = tail === null ? null : [];
      try {
        while (!signal.aborted) {
          const isLive = live.has(id);
          const { lines, next } = await readFrom(pathOf(id), from);
          from = next;
          if (held !== null) held = lastOf([...held, ...lines], tail ?? 0);
          else yield* lines;
          if (lines.length > 0) continue;
          if (held !== null) yield* held;
          held = null;
          if (!follow || !isLive) return;
          await changes.next();
        }
      } finally {
        changes.stop();
      }
    },
  };
}

const lastOf = <T>(all: readonly T[], count: number): T[] => all.slice(Math.max(0, all.length - count));

const isName = (id: string): boolean => /^b-[0-9a-z-]{1,64}$/.test(id);

async function writer(path: string, maxBytes: number, onEnd: () => void): Promise<BuildLog> {
  // What can't be written (a full disk, or one that is read-only by now) is not worth a build.
  const file = await open(path, 'a', 0o600).catch(() => null);
  let bytes = (await file?.stat().catch(() => null))?.size ?? 0;
  let waiting: string[] = [];
  const last: string[] = [];
  /** Those of the last that are not in the file. */
  let leftOut = 0;
  let leftOutBytes = 0;
  let work: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    timer = null;
    const text = waiting.join('');
    waiting = [];
    if (text !== '') work = work.then(() => file?.appendFile(text)).catch(() => undefined);
  };
  const put = (text: string): void => {
    const line = `${new Date().toISOString()} ${text}\n`;
    waiting.push(line);
    bytes += Buffer.byteLength(line);
    timer ??= setTimeout(flush, FLUSH_MS);
  };
  return {
    line(text) {
      last.push(text);
      if (last.length > LAST_LINES) last.shift();
      if (bytes < maxBytes) put(text);
      else {
        leftOut += 1;
        leftOutBytes += text.length;
      }
    },
    last: (count) => lastOf(last, count),
    async end() {
      if (leftOut > 0) {
        const shown = last.slice(-Math.min(LAST_LINES, leftOut));
        const missing = leftOut - shown.length;
        if (missing > 0)
          put(
            `orca: the log is cut here at ${Math.round(maxBytes / 1e6)} MB: of ${leftOut} more lines (${Math.round(leftOutBytes / 1e6)} MB) these are the last ${shown.length}`,
          );
        for (const line of shown) put(line);
      }
      if (timer) clearTimeout(timer);
      flush();
      await work;
      onEnd();
      await file?.close().catch(() => undefined);
    },
  };
}

function parsed(line: string): LogLine {
  const space = line.indexOf(' ');
  const atMs = Date.parse(line.slice(0, space));
  return { atMs: Number.isFinite(atMs) ? atMs : 0, stream: 'stdout', text: line.slice(space + 1) };
}

const READ_BYTES = 256 * 1024;

/** The whole lines from there on, as many as are read at once; none: the end. */
async function readFrom(path: string, from: number): Promise<{ lines: LogLine[]; next: number }> {
  const file = await open(path, 'r').catch(() => {
    throw new Error('the log of this build is not on its node: it has not begun there, or was removed since');
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, from);
    const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1;
    const lines = buffer.toString('utf8', 0, end).split('\n').slice(0, -1).map(parsed);
    return { lines, next: from + end };
  } finally {
    await file.close();
  }
}

/** Wakes at each change of the file, and once in a while whatever the file system says. */
function createChanges(path: string, signal: AbortSignal): { next(): Promise<void>; stop(): void } {
  let watcher: FSWatcher | null = null;
  let wake: (() => void) | null = null;
  const ring = (): void => wake?.();
  try {
    watcher = watch(path, ring).on('error', () => undefined);
  } catch {
    // Then it is looked at once a second.
  }
  signal.addEventListener('abort', ring);
  return {
    async next() {
      const timer = setTimeout(ring, 1_000);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      clearTimeout(timer);
    },
    stop() {
      watcher?.close();
      signal.removeEventListener('abort', ring);
    },
  };
}

async function prune(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort();
  // Ids sort by their time.
  for (const name of names.slice(0, Math.max(0, names.length - KEPT_LOGS)))
    await rm(join(folder, name), { force: true });
}
