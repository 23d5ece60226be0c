/**
 * The control socket of a companion: a unix socket that only its owner opens, a JSON line each way. Promises that nothing
 * that comes in can end it: what is no line of a sensible length closes its connection.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** Listens at `path`, whatever was there, and answers each line by the reply that `answer` makes of it. */
export async function listenControl(path: string, answer: (line: string) => unknown): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((socket) => readLines(socket, (line) => `${JSON.stringify(answer(line))}\n`));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return server;
}

function readLines(socket: Socket, answer: (line: string) => string): void {
  let chunks: Buffer[] = [];
  let size = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    size += chunk.length;
    if (size > MAX_LINE_BYTES) return void socket.destroy();
    chunks.push(chunk);
    if (!chunk.includes(10)) return;
    const lines = Buffer.concat(chunks).toString('utf8').split('\n');
    const rest = Buffer.from(lines.pop() ?? '');
    chunks = [rest];
    size = rest.length;
    for (const line of lines) socket.write(answer(line));
  });
}
