/**
 * Pushes images that are only here to the cluster's registry, each once for as long as the master asks for it, and says under what
 * digest they are there, or why they are not. What failed is tried again with a growing wait.
 */
import type { CarryPush, CarryPushed } from '../../shared/carry.js';
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import type { Engine, RegistryAuth } from '../engine.js';
import { withAdvice } from '../words.js';

export interface Pusher {
  /** Begins what is wanted and has not begun. */
  pass(wanted: readonly CarryPush[]): void;
  pushed(): CarryPushed[];
  /** Other credentials may be there: what failed is tried at once. */
  again(): void;
}

interface Pushing extends CarryPushed {
  isOver: boolean;
  failures: number;
  nextAtMs: number;
}

const MAX_WAIT_MS = 120_000;

export function createPusher(options: {
  engine: Engine;
  auth: (reference: string) => RegistryAuth | null;
  onChange: () => void;
  log: Log;
}): Pusher {
  const { engine, log } = options;
  const known = new Map<string, Pushing>();

  const push = async (wanted: CarryPush, failures: number): Promise<void> => {
    const { imageId, to } = wanted;
    const now: Pushing = { imageId, at: null, reason: null, isOver: false, failures, nextAtMs: 0 };
    known.set(imageId, now);
    try {
      now.at = await pushOne(engine, wanted, options.auth(to));
      log.info({ imageId, at: now.at }, 'an image was pushed to the registry');
    } catch (error) {
      now.reason = withAdvice(`${to} could not be pushed: ${messageOf(error)}`);
      now.failures = failures + 1;
      now.nextAtMs = Date.now() + Math.min(MAX_WAIT_MS, 5_000 * 2 ** failures);
      log.warn({ imageId, reason: now.reason }, 'an image could not be pushed to the registry');
    }
    now.isOver = true;
    options.onChange();
  };
  return {
    pass(wanted) {
      const ids = new Set(wanted.map(({ imageId }) => imageId));
      for (const [id, { isOver }] of known) if (isOver && !ids.has(id)) known.delete(id);
      for (const one of wanted) {
        const held = known.get(one.imageId);
        const isDue = held?.isOver === true && held.at === null && held.nextAtMs <= Date.now();
        if (held === undefined || isDue) void push(one, held?.failures ?? 0);
      }
    },
    pushed: () =>
      [...known.values()].flatMap(({ imageId, at, reason, isOver }) =>
        isOver ? [{ imageId, at, reason }] : [],
      ),
    again() {
      for (const held of known.values()) held.nextAtMs = 0;
    },
  };
}

/** The reference by digest under which the registry has it. */
async function pushOne(
  engine: Engine,
  { imageId, to }: CarryPush,
  auth: RegistryAuth | null,
): Promise<string> {
  await engine.tag(imageId, to);
  try {
    await engine.push(to, auth ?? { username: '', password: '', serveraddress: '' }, () => undefined);
    const digest = (await engine.image(to))?.digest ?? null;
    if (digest === null) throw new Error('Docker does not say under which digest it is there');
    return digest;
  } finally {
    await engine.untag(to).catch(() => undefined);
  }
}
