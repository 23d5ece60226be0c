/**
 * Lets a client finish sending before it is answered: one that is cut off while it sends gets a reset connection and may
 * never see the answer. Bounded, so that nobody can hold a connection with it.
 */
import type { IncomingMessage } from 'node:http';

const MAX_DRAINED_BYTES = 64 * 1024 * 1024;
const MAX_DRAIN_MS = 10_000;

/** Resolves when the body has ended, or its sender has had enough bytes and time. Never rejects. */
export function drainBody(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > MAX_DRAINED_BYTES) done();
    };
    const done = (): void => {
      clearTimeout(timer);
      request.off('data', count);
      request.pause();
      resolve();
    };
    const timer = setTimeout(done, MAX_DRAIN_MS);
    for (const event of ['end', 'close', 'error'] as const) request.once(event, done);
    request.on('data', count);
    request.resume();
  });
}
