/**
 * Follows a stream of lines until Ctrl-C, through restarts of the master. Ctrl-C is the ordinary end here: exit code 0.
 */
import { OrcaError } from '../shared/errors.js';
import type { Client, Query } from './client.js';
import type { Context } from './context.js';
import { pause } from './pause.js';

const PAUSE_MS = 1_000;

/** `query` is asked again before each attempt, so that it can say where to go on. */
export async function followLines<T>(
  context: Context,
  client: Client,
  path: string,
  query: () => Query,
  onLine: (line: T) => void,
): Promise<number> {
  const stop = new AbortController();
  const undo = context.io.onInterrupt(() => stop.abort());
  let everConnected = false;
  let lost = false;
  try {
    while (!stop.signal.aborted) {
      try {
        for await (const line of client.lines<T>(path, query(), stop.signal)) {
          everConnected = true;
          lost = false;
          onLine(line);
        }
        everConnected = true;
      } catch (error) {
        const away = error instanceof OrcaError && error.code === 'MASTER_UNREACHABLE';
        if (!away || !everConnected) throw error;
        if (!lost) context.output.note('the master does not answer; trying again');
        lost = true;
      }
      await pause(PAUSE_MS, stop.signal);
    }
    return 0;
  } finally {
    undo();
  }
}
