/**
 * One process at a time: holding a lock is listening on a unix socket. The kernel lets go of it when the process dies,
 * however it dies; the file that is left is taken over.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, OrcaError } from './errors.js';
import { isListening } from './listening.js';

/** Who takes it has a moment in which the file is there and nobody listens yet. */
const BINDING_MS = 50;

export interface Lock {
  release(): Promise<void>;
}

/** Takes the lock at `path` (at most 107 bytes, unix(7)). Throws ALREADY_RUNNING with the sentence `held`. */
export async function takeLock(path: string, held: string): Promise<Lock> {
  // Beyond this the kernel's address is cut short, and the lock would lie somewhere else.
  if (Buffer.byteLength(path) > 107) throw unusable(path, 'its path is too long');
  for (let attempt = 0; attempt < 3; attempt++) {
    const server = await listen(path);
    if (server) return { release: () => release(server) };
    if (await isListening(path)) break;
    await pause(BINDING_MS);
    if (await isListening(path)) break;
    rmSync(path, { force: true });
  }
  throw new OrcaError('ALREADY_RUNNING', held);
}

function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(unusable(path, messageOf(error), error));
    });
    server.listen(path, () => {
      chmodSync(path, 0o600);
      server.unref();
      resolve(server);
    });
  });
}

const unusable = (path: string, why: string, cause?: unknown): OrcaError =>
  new OrcaError('USAGE', `the lock ${path} can't be made: ${why}`, {
    cause,
    hint: 'The Orca home must be writable, and its path shorter than 90 characters.',
  });

const release = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
