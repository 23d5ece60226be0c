/**
 * Ports for programs that must be told one: bound, and let go. None of them is one that the system gives to outgoing connections (above
 * 32768 on Linux), where a client of anybody could take it before the program does.
 */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

const FIRST = 20_000;
const LAST = 32_000;

/** As many different free TCP ports, free on every address. All are held until all are known, so that none comes twice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, held));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}

async function held(): Promise<Server> {
  for (;;) {
    const server = await listening(randomInt(FIRST, LAST));
    if (server !== null) return server;
  }
}

/** Null: the port is taken. */
function listening(port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen(port, '0.0.0.0', () => resolve(server));
  });
}
