/**
 * Follows one rollout to its end, or as far as it is waited for, over the API's stream, through restarts of the master: a stream that breaks or falls
 * silent is opened again, and its first line is the whole state, so nothing is missed. Gives up when the master has not
 * answered for a while; the rollout itself does not depend on anybody following it.
 */
import type { RolloutFrame } from '../shared/api.js';
import { OrcaError } from '../shared/errors.js';
import { cleaned } from './clean.js';
import type { Client } from './client.js';
import { pause } from './pause.js';

const SILENCE_MS = 20_000;
const GIVE_UP_MS = 120_000;
const LONGEST_PAUSE_MS = 2_000;

export interface FollowOptions {
  signal: AbortSignal;
  onFrame(frame: RolloutFrame): void;
  /** Nothing more is waited for. */
  isDone(frame: RolloutFrame): boolean;
  /** The master went away (true) or is back (false). */
  onLost(lost: boolean): void;
  giveUpMs?: number;
}

/** The frame that is done; null when `signal` aborted before. Throws the API's errors, MASTER_UNREACHABLE last. */
export async function followRollout(
  client: Client,
  id: string,
  options: FollowOptions,
): Promise<RolloutFrame | null> {
  let lostSinceMs: number | null = null;
  let pauseMs = 100;
  while (!options.signal.aborted) {
    try {
      for await (const frame of frames(client, id, options.signal)) {
        if (lostSinceMs !== null) options.onLost(false);
        lostSinceMs = null;
        pauseMs = 100;
        options.onFrame(frame);
        if (options.isDone(frame)) return frame;
      }
    } catch (error) {
      if (!(error instanceof OrcaError) || error.code !== 'MASTER_UNREACHABLE') throw error;
      if (lostSinceMs === null) options.onLost(true);
      lostSinceMs ??= Date.now();
      if (Date.now() - lostSinceMs > (options.giveUpMs ?? GIVE_UP_MS)) throw error;
    }
    await pause(pauseMs, options.signal);
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  }
  return null;
}

async function* frames(client: Client, id: string, signal: AbortSignal): AsyncGenerator<RolloutFrame> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const either = AbortSignal.any([signal, silence.signal]);
  try {
    const path = `/rollouts/${encodeURIComponent(id)}`;
    for await (const frame of client.lines<RolloutFrame>(path, { follow: true }, either)) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      yield cleaned(frame);
    }
  } finally {
    clearTimeout(timer);
  }
}
