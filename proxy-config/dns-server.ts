/**
 * DNS over UDP and TCP on one loopback port number. Promises that nothing a client sends can end it: a malformed packet
 * is dropped, a slow or greedy connection is closed.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { DnsAnswerer } from './dns-answer.js';

export interface DnsServers {
  port: number;
  tcp: Server;
  udp: UdpSocket;
  stop(): Promise<void>;
}

const IDLE_MS = 10_000;
const MAX_QUERY_BYTES = 4_096;
/** Above the range that systems hand out for outgoing connections, so that a restart finds its port free. */
const FIRST_PORT = 61_000;
const PORT_COUNT = 4_000;

/** Where to listen: on a port of loopback, or on a socket that was bound already. */
export type Place = { port: number } | { fd: number };

/** Listens on `preferred` if it can within 2 s, else on another port. */
export async function startDnsServers(
  preferred: number | null,
  answerer: () => DnsAnswerer,
): Promise<DnsServers> {
  return bindLoopback(preferred, (port) => listenBoth({ port }, { port }, answerer));
}

/** Takes over sockets that were bound already, by their file descriptors. */
export function inheritDnsServers(
  fds: { srvTcp: number; dnsUdp: number },
  answerer: () => DnsAnswerer,
): Promise<DnsServers> {
  return listenBoth({ fd: fds.srvTcp }, { fd: fds.dnsUdp }, answerer);
}

async function listenBoth(onTcp: Place, onUdp: Place, answerer: () => DnsAnswerer): Promise<DnsServers> {
  const tcp = await listenTcp(onTcp, answerer);
  try {
    const udp = await listenUdp(onUdp, answerer);
    return { port: udp.address().port, tcp, udp, stop: () => stopBoth(tcp, udp) };
  } catch (error) {
    tcp.close();
    throw error;
  }
}

/** What `listen` is given for a place. */
export function listenOptions(place: Place) {
  return { ...('fd' in place ? place : { ...place, host: '127.0.0.1' }), backlog: 1_024 };
}

/** Tries a preferred port for 2 s, then random ones that are rarely taken. */
export async function bindLoopback<T>(
  preferred: number | null,
  bind: (port: number) => Promise<T>,
): Promise<T> {
  const giveUpAtMs = Date.now() + 2_000;
  for (let tries = 0; ; tries += 1) {
    const usePreferred = preferred !== null && Date.now() < giveUpAtMs;
    const port = usePreferred ? preferred : FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    try {
      return await bind(port);
    } catch (error) {
      if (!usePreferred && tries > 200) throw error;
      if (usePreferred) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function listenTcp(place: Place, answerer: () => DnsAnswerer): Promise<Server> {
  const server = createServer({ noDelay: true }, (socket) => serveTcp(socket, answerer));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenOptions(place), () => resolve(server));
  });
}

/** Answers the queries of one connection; one that is slow or greedy is closed. */
export function serveTcp(socket: Socket, answerer: () => DnsAnswerer): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const length = pending.readUInt16BE(0);
      if (length > MAX_QUERY_BYTES) return void socket.destroy();
      if (pending.length < length + 2) return;
      const reply = answerer().answer(pending.subarray(2, length + 2), 'tcp');
      pending = pending.subarray(length + 2);
      if (reply === null || reply.length > 0xffff) return void socket.destroy();
      const prefix = Buffer.alloc(2);
      prefix.writeUInt16BE(reply.length);
      socket.write(Buffer.concat([prefix, reply]));
    }
  });
}

function listenUdp(place: Place, answerer: () => DnsAnswerer): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const reply = answerer().answer(query, 'udp');
    if (reply !== null) socket.send(reply, from.port, from.address, () => {});
  });
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => {
      socket.close();
      reject(error);
    };
    socket.once('error', refuse);
    socket.bind('fd' in place ? place : { ...place, address: '127.0.0.1' }, () => {
      socket.off('error', refuse);
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

async function stopBoth(tcp: Server, udp: UdpSocket): Promise<void> {
  tcp.close();
  await new Promise<void>((resolve) => udp.close(() => resolve()));
}
