/**
 * Waits until something that the master is doing is done, by asking it again and again: through its restarts, with the
 * limits that all waiting has (`--timeout`, Ctrl-C). What is waited for goes on in any case.
 */
import { formatDuration } from '../shared/duration.js';
import { OrcaError } from '../shared/errors.js';
import type { Context } from './context.js';
import { createLive } from './live.js';
import { pause } from './pause.js';
import { EXIT_INTERRUPTED, timeoutOf } from './wait.js';

const EVERY_MS = 500;
const GIVE_UP_MS = 120_000;

export interface Watched {
  /** Null: it is done. Else what is shown meanwhile. */
  lines: string[] | null;
}

/** A line is known by its place: the first is about the whole, the others about what stands in the way. */
const keyed = (lines: readonly string[]) => lines.map((text, index) => ({ key: String(index), text }));

/** `what`: such as "the drain of node-1". Answers 0 when it is done, 130 on Ctrl-C; throws TIMEOUT and the API's errors. */
export async function watchUntilDone(
  context: Context,
  what: string,
  look: () => Promise<Watched>,
): Promise<number> {
  const timeoutMs = timeoutOf(context);
  const stop = new AbortController();
  const live = context.json ? null : createLive(context.io);
  const undo = context.io.onInterrupt(() => stop.abort());
  const endAtMs = timeoutMs === null ? null : Date.now() + timeoutMs;
  let lines: string[] | null = [];
  try {
    while (!stop.signal.aborted) {
      const seen = await answered(look, stop.signal, (text) => live?.print(text));
      if (seen) lines = seen.lines;
      if (lines === null || stop.signal.aborted) break;
      live?.update(keyed(lines));
      if (endAtMs !== null && Date.now() >= endAtMs) throw late(what, timeoutMs ?? 0, lines);
      await pause(EVERY_MS, stop.signal);
    }
  } finally {
    undo();
    live?.end();
  }
  if (lines === null) return 0;
  context.output.note(`interrupted: ${what} goes on; see \`orca nodes\` and \`orca status --watch\``);
  return EXIT_INTERRUPTED;
}

/** Asks on while the master is away; null when nobody waits any more. */
async function answered(
  look: () => Promise<Watched>,
  signal: AbortSignal,
  print: (text: string) => void,
): Promise<Watched | null> {
  const sinceMs = Date.now();
  for (let isFirst = true; !signal.aborted; isFirst = false)
    try {
      const seen = await look();
      if (!isFirst) print('the master is back');
      return seen;
    } catch (error) {
      const isAway = error instanceof OrcaError && error.code === 'MASTER_UNREACHABLE';
      if (!isAway || Date.now() - sinceMs > GIVE_UP_MS) throw error;
      if (isFirst) print('the master does not answer; trying again');
      await pause(EVERY_MS, signal);
    }
  return null;
}

function late(what: string, timeoutMs: number, lines: string[]): OrcaError {
  const text = `TIMEOUT: ${what} is not done after ${formatDuration(timeoutMs)}: ${lines.map((line) => line.trim()).join('; ')}`;
  return new OrcaError('TIMEOUT', text, { hint: 'It goes on; see `orca nodes` and `orca status --watch`.' });
}
