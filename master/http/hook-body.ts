/**
 * Reads the body of a webhook's call from its socket: every byte goes through the verifier as it comes, and nothing is parsed. Refuses
 * with BODY_TOO_LARGE what is over the limit, with BODY_INVALID what ends too early or takes too long. Leaves the socket whole, so that the
 * sender can be answered.
 */
import type { IncomingMessage } from 'node:http';
import { OrcaError } from '../../shared/errors.js';

/** GitHub caps payloads at 25 MB. */
export const MAX_HOOK_BYTES = 25 * 1024 * 1024;
/** GitHub waits 10 s for an answer. */
const LONGEST_MS = 20_000;

/** What the sender says; null: it does not. */
export function declaredLength(request: IncomingMessage): number | null {
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  return Number.isSafeInteger(length) && length >= 0 ? length : null;
}

export const tooLarge = (): OrcaError =>
  new OrcaError('BODY_TOO_LARGE', `the payload is larger than ${MAX_HOOK_BYTES / 1024 / 1024} MiB`, {
    hint: 'GitHub sends no larger ones; push less at once, or `orca redeploy SERVICE`.',
  });

export function readBody(request: IncomingMessage, onBytes: (bytes: Buffer) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (finish: () => void): void => {
      clearTimeout(timer);
      request.off('data', take);
      request.off('end', done);
      request.off('close', gone);
      request.off('error', gone);
      finish();
    };
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > MAX_HOOK_BYTES) {
        request.pause();
        end(() => reject(tooLarge()));
        return;
      }
      onBytes(chunk);
      chunks.push(chunk);
    };
    const done = (): void => end(() => resolve(Buffer.concat(chunks, length)));
    const gone = (): void => end(() => reject(new OrcaError('BODY_INVALID', 'the body ended too early')));
    const timer = setTimeout(() => {
      request.pause();
      end(() => reject(new OrcaError('BODY_INVALID', `the body took longer than ${LONGEST_MS / 1_000} s`)));
    }, LONGEST_MS);
    // Who waited for room may have gone meanwhile.
    if (request.destroyed) {
      gone();
      return;
    }
    request.on('data', take);
    request.on('end', done);
    request.on('close', gone);
    request.on('error', gone);
  });
}
