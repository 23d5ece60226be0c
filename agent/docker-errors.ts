/** Turns what dockerode throws into `EngineError`: Docker's own words, and a kind to decide on. */
import { messageOf } from '../shared/errors.js';
import { EngineError, type EngineErrorKind } from './engine.js';

/** How long Docker may take to answer, by how much it has to do. */
export const ANSWER_MS = 20_000;
export const WORK_MS = 180_000;

/** Runs one call with a deadline; whatever goes wrong is an `EngineError`. */
export async function ask<T>(timeoutMs: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await Promise.race([call(signal), expiry(signal, timeoutMs)]);
  } catch (error) {
    throw toEngineError(error);
  }
}

/** As `ask`, with null where Docker says that there is no such thing. */
export async function askMaybe<T>(
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  try {
    return await ask(timeoutMs, call);
  } catch (error) {
    if (error instanceof EngineError && (error.kind === 'not-found' || error.kind === 'no-such-image')) {
      return null;
    }
    throw error;
  }
}

export function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const status = statusOf(error);
  const words = wordsOf(error);
  return new EngineError(kindOf(status, words), words, error);
}

function kindOf(status: number | null, words: string): EngineErrorKind {
  if (status === null || troubleInside.test(words)) return 'down';
  if (status === 404) return /no such image|image .*not found/i.test(words) ? 'no-such-image' : 'not-found';
  return status === 409 ? 'conflict' : 'refused';
}

/** Docker answers, and its own parts do not: it is starting or going down. */
const troubleInside =
  /containerd.*(connection refused|unavailable|transport)|transport is closing|daemon is shutting down|error reading from server: EOF|grpc: the client connection is closing/i;

/** dockerode's errors carry the answer; its own text looks like `(HTTP code 404) no such container - WORDS `. */
function wordsOf(error: unknown): string {
  const json = (error as { json?: { message?: unknown } } | null)?.json;
  if (typeof json?.message === 'string') return json.message.trim();
  const text = messageOf(error).trim();
  return text.replace(/^\(HTTP code \d+\) [^-]* - /, '');
}

function statusOf(error: unknown): number | null {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}

/** A response that breaks off half-way leaves dockerode waiting for ever; the signal ends that too. */
function expiry(signal: AbortSignal, timeoutMs: number): Promise<never> {
  return new Promise((_, reject) => {
    const late = (): void =>
      reject(new EngineError('down', `Docker did not answer within ${timeoutMs / 1000} s`));
    signal.addEventListener('abort', late, { once: true });
  });
}
