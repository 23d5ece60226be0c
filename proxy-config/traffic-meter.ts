/**
 * The receiving end of the traffic log: a UDP socket on loopback, opened when the first service is measured. Its port is
 * kept over restarts, since it stands in Caddy's config and another one would be a load; when it is taken another is
 * chosen all the same.
 */
import { randomUUID } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { Figures } from '../shared/protocol.js';
import { readJsonFile, writeJsonFile } from './json-file.js';
import { createTrafficCounter, type TrafficCounter } from './traffic-counter.js';

export interface TrafficMeter {
  follow: TrafficCounter['follow'];
  /** Opens the socket if it is not open; its port. */
  open(): Promise<number>;
  /** Null while nothing is measured. */
  port(): number | null;
  figures(): { epoch: string; figures: Figures[] };
  close(): void;
}

/** Bursts wait here while the agent does something else. */
const RECEIVE_BYTES = 4 * 1024 * 1024;

export function createTrafficMeter(portFile: string): TrafficMeter {
  const counter = createTrafficCounter();
  const epoch = randomUUID();
  let opening: Promise<{ socket: Socket; port: number }> | null = null;
  let opened: { socket: Socket; port: number } | null = null;

  const begin = async (): Promise<{ socket: Socket; port: number }> => {
    const saved = (readJsonFile(portFile) as { port?: unknown } | null)?.port;
    const wanted = typeof saved === 'number' ? saved : 0;
    const socket = await bind(wanted).catch(() => bind(0));
    const { port } = socket.address();
    if (port !== saved) writeJsonFile(portFile, { port });
    socket.on('message', (data) => counter.count(data.toString()));
    socket.on('error', () => {});
    socket.unref();
    opened = { socket, port };
    return opened;
  };

  return {
    follow: counter.follow,
    async open() {
      opening ??= begin();
      return (await opening).port;
    },
    port: () => opened?.port ?? null,
    figures: () => ({ epoch, figures: counter.figures() }),
    close() {
      opened?.socket.close();
      opening = null;
      opened = null;
    },
  };
}

function bind(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BYTES });
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
