/**
 * The sockets of the companion: TCP on one port of every address, for the proxy and for DNS over TCP, told apart by the
 * address that was called; UDP on the same port of the address for DNS alone, so that answers come from where was asked.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { bindLoopback } from '../proxy-config/dns-server.js';

export interface Listeners {
  port: number;
  tcp: Server;
  udp: UdpSocket;
  stop(): Promise<void>;
}

export interface Handlers {
  /** A connection that is not read yet. */
  onConnection(socket: Socket): void;
  /** The answer to a query from `address`, or null for none. */
  onQuery(query: Buffer, address: string): Buffer | null;
}

/** Where a companion that follows another one finds its sockets. */
export const INHERITED = { tcp: 3, udp: 4 } as const;

type Place = { host: string; port: number } | { fd: number };

/** Listens on `preferred` if it can, else on another port that is free on every address. */
export function listen(dns: string, preferred: number | null, handlers: Handlers): Promise<Listeners> {
  return bindLoopback(preferred, (port) =>
    listenBoth({ host: '0.0.0.0', port }, { host: dns, port }, handlers),
  );
}

/** Takes over sockets that were bound already. */
export function inherit(handlers: Handlers): Promise<Listeners> {
  return listenBoth({ fd: INHERITED.tcp }, { fd: INHERITED.udp }, handlers);
}

async function listenBoth(onTcp: Place, onUdp: Place, handlers: Handlers): Promise<Listeners> {
  const tcp = await listenTcp(onTcp, handlers);
  try {
    const udp = await listenUdp(onUdp, handlers);
    const stop = async (): Promise<void> => {
      tcp.close();
      await new Promise<void>((resolve) => udp.close(() => resolve()));
    };
    return { port: udp.address().port, tcp, udp, stop };
  } catch (error) {
    tcp.close();
    throw error;
  }
}

function listenTcp(place: Place, { onConnection }: Handlers): Promise<Server> {
  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, onConnection);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...place, backlog: 1_024 }, () => {
      server.off('error', reject);
      // Such as no file descriptor left for one more: it goes on with the next.
      server.on('error', () => {});
      resolve(server);
    });
  });
}

function listenUdp(place: Place, { onQuery }: Handlers): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const reply = onQuery(query, from.address);
    if (reply !== null) socket.send(reply, from.port, from.address, () => {});
  });
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', refuse);
    socket.bind('fd' in place ? place : { address: place.host, port: place.port }, () => {
      socket.off('error', refuse);
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}
