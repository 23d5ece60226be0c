/** One agent a home: whoever listens on the lock socket has it. A socket that a dead agent left behind is taken over. */
import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { OrcaError } from '../shared/errors.js';

/** Resolves with what frees the lock again; throws ALREADY_RUNNING while another process holds it. */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const server =
    (await listen(path)) ?? ((await isHeld(path)) ? null : await unlink(path).then(() => listen(path)));
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

function isHeld(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
