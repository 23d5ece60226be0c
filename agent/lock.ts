/** One agent a home: whoever listens on the lock socket has it. A socket that a dead agent left behind is taken over. */
import { unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { OrcaError } from '../shared/errors.js';
import { isListening } from '../shared/listening.js';

/** What the kernel takes as a unix socket's path (Linux: 107 bytes); longer ones are cut without a word. */
const MAX_SOCKET_PATH = 107;

/**
 * Resolves with what frees the lock again; throws ALREADY_RUNNING while another process holds it, CONFIG_INVALID when
 * the path is too long for a socket.
 */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    const hint = 'Choose a home with a shorter path.';
    throw new OrcaError('CONFIG_INVALID', `${path} is too long for a socket (${MAX_SOCKET_PATH} bytes)`, {
      hint,
    });
  }
  const server =
    (await listen(path)) ?? ((await isListening(path)) ? null : await unlink(path).then(() => listen(path)));
  if (!server) throw new OrcaError('ALREADY_RUNNING', `an agent already runs with this home (${path})`);
  return () => new Promise((resolve) => server.close(() => resolve()));
}

/** Null when something is at that path already. */
function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen(path, () => resolve(server));
  });
}
