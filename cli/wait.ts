/**
 * Waits for rollouts and shows them meanwhile. Exit code 0 when all came to what was asked for, 1 when one did not, 130 on Ctrl-C: then
 * it says that the rollouts go on, and how to follow them. With a timeout it stops waiting and throws TIMEOUT.
 */
import type { RolloutFrame, RolloutSummary } from '../shared/api.js';
import { formatDuration, parseDuration } from '../shared/duration.js';
import { OrcaError } from '../shared/errors.js';
import type { Client } from './client.js';
import { type Context, optionText } from './context.js';
import { deployEnds, type Ends } from './ends.js';
import { followRollout } from './follow.js';
import { createLive } from './live.js';
import { progressLines } from './progress.js';
import { verdictOf } from './verdict.js';

export const EXIT_INTERRUPTED = 130;

export interface Waited {
  exit: number;
  rollouts: RolloutSummary[];
}

/** Follows all of them at once. With `--json` nothing is shown; the caller prints the result. */
export async function waitForRollouts(
  context: Context,
  client: Client,
  ids: string[],
  ends: Ends = deployEnds,
): Promise<Waited> {
  const timeoutMs = timeoutOf(context);
  const stop = new AbortController();
  const why = { timeout: false, interrupt: false };
  const undo = context.io.onInterrupt(() => {
    why.interrupt = true;
    stop.abort();
  });
  const timer = timeoutMs === null ? null : setTimeout(expire, timeoutMs);
  function expire(): void {
    why.timeout = true;
    stop.abort();
  }
  const view = context.json ? silent() : viewOf(context);
  try {
    const ended = await Promise.all(ids.map((id) => followOne(client, id, stop.signal, view, ends)));
    const frames = ended.filter((frame) => frame !== null);
    view.end(frames);
    if (why.interrupt) return interrupted(context, ids, frames);
    if (why.timeout) throw timedOut(timeoutMs ?? 0);
    return { exit: frames.every(ends.isGood) ? 0 : 1, rollouts: frames.map((frame) => frame.rollout) };
  } finally {
    stop.abort();
    undo();
    if (timer) clearTimeout(timer);
  }
}

/** The milliseconds of `--timeout`, or null without one. Throws USAGE; called early, so that nothing is begun then. */
export function timeoutOf(context: Context): number | null {
  const text = optionText(context.options, 'timeout');
  if (text === undefined) return null;
  const ms = parseDuration(text);
  if (ms !== null && ms > 0 && ms < 2 ** 31) return ms;
  throw new OrcaError('USAGE', `--timeout must be a time such as 90s or 5m; it is ${JSON.stringify(text)}`);
}

function followOne(
  client: Client,
  id: string,
  signal: AbortSignal,
  view: View,
  ends: Ends,
): Promise<RolloutFrame | null> {
  return followRollout(client, id, {
    signal,
    isDone: ends.isDone,
    onFrame: (frame) => view.frame(frame),
    onLost: (lost) => view.lost(lost),
  });
}

interface View {
  frame(frame: RolloutFrame): void;
  lost(lost: boolean): void;
  end(frames: RolloutFrame[]): void;
}

function viewOf(context: Context): View {
  const { io, output } = context;
  const live = createLive(io);
  const latest = new Map<string, RolloutFrame>();
  return {
    frame(frame) {
      latest.set(frame.rollout.id, frame);
      live.update([...latest.values()].flatMap((one) => progressLines(one, output.colors)));
    },
    lost: (lost) =>
      live.print(
        lost ? 'the master does not answer; trying again, the rollout goes on there' : 'the master is back',
      ),
    end(frames) {
      live.end();
      for (const frame of frames) for (const line of verdictOf(frame, output.colors)) output.line(line);
    },
  };
}

function silent(): View {
  return { frame() {}, lost() {}, end() {} };
}

function interrupted(context: Context, ids: string[], frames: RolloutFrame[]): Waited {
  const left = ids.length - frames.length;
  context.output.note(
    `interrupted: ${left === 1 ? 'the rollout goes on' : `${left} rollouts go on`}; follow with \`orca status --watch\`, undo with \`orca rollback SERVICE\``,
  );
  return { exit: EXIT_INTERRUPTED, rollouts: frames.map((frame) => frame.rollout) };
}

function timedOut(timeoutMs: number): OrcaError {
  return new OrcaError('TIMEOUT', `TIMEOUT: not done after ${formatDuration(timeoutMs)}`);
}
