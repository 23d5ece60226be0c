/** A master's end by hand: each session that an agent opens is handed out once, with what it has said. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Identity } from '../../shared/identity-files.js';
import { type RawEnd, rawEnd } from './raw-websocket.js';

export interface RawMaster {
  url: string;
  /** The next session that nobody has. */
  session(): Promise<RawEnd>;
  stop(): void;
}

/** RFC 6455 4.2.2. */
const ACCEPT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export async function rawMaster(identity: Identity): Promise<RawMaster> {
  const server = createServer({ ...identity, requestCert: true, rejectUnauthorized: true });
  const open = new Set<Duplex>();
  const waiting: RawEnd[] = [];
  const askers: ((end: RawEnd) => void)[] = [];
  server.on('upgrade', ({ headers }, socket, head) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${ACCEPT}`).digest('base64');
    const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
    socket.write(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n'));
    const end = rawEnd(socket, head);
    const asker = askers.shift();
    if (asker) asker(end);
    else waiting.push(end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `wss://127.0.0.1:${(server.address() as AddressInfo).port}/agent`,
    async session() {
      return waiting.shift() ?? new Promise<RawEnd>((resolve) => askers.push(resolve));
    },
    stop() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
