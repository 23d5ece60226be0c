/**
 * The port that a host opens while it asks the master whether the master reaches it: of the kernel's choosing, as those of
 * containers are, at the address that the node is to have. It says the nonce to whoever connects, and nothing else.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

export interface WayBack {
  port: number;
  nonce: string;
}

/** Opens it, asks, and closes it. Rejects when this host can't listen there, and with what `ask` rejects with. */
export async function withWayBack<T>(address: string, ask: (way: WayBack) => Promise<T>): Promise<T> {
  const nonce = randomBytes(16).toString('hex');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(nonce);
  });
  server.listen(0, address);
  await once(server, 'listening');
  try {
    return await ask({ port: (server.address() as AddressInfo).port, nonce });
  } finally {
    server.close();
  }
}
