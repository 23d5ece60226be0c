/**
 * The receiving end of the traffic log: a UDP socket on loopback, opened when the first service is measured. Its port is
 * kept over restarts, since it stands in Caddy's config and another one would be a load; when it is taken another is
 * chosen all the same. Promises never to be in the way: what can't be opened is said, tried again, and not waited for.
 */
import { randomUUID } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { messageOf } from '../shared/errors.js';
import type { Figures } from '../shared/figures.js';
import { readJsonFile, writeJsonFile } from './json-file.js';
import { createTrafficCounter, type TrafficCounter } from './traffic-counter.js';

export interface TrafficMeter {
  follow: TrafficCounter['follow'];
  /** Opens the socket if it is not open; whether `port` says something new. Never rejects: the next call tries again. */
  open(): Promise<boolean>;
  /** Undefined before it was first tried to open one, null when that failed. */
  port(): number | null | undefined;
  /** Null when nothing was ever measured. */
  figures(): { epoch: string; figures: Figures[] } | null;
  close(): void;
}

/** Bursts wait here while the agent does something else; the kernel may give less. */
const RECEIVE_BYTES = 4 * 1024 * 1024;

export function createTrafficMeter(portFile: string, log: (message: string) => void): TrafficMeter {
  const counter = createTrafficCounter();
  const epoch = randomUUID();
  let socket: Socket | null = null;
  let port: number | null | undefined;

  const failed = (what: string) => (error: unknown) => log(`${what}: ${messageOf(error)}`);
  const begin = async (): Promise<void> => {
    const saved = savedPort(portFile);
    const made = await bind(saved).catch(() => bind(0));
    made.on('message', (data) => counter.count(data.toString()));
    made.on('error', failed('the traffic log can not be read'));
    made.unref();
    socket = made;
    port = made.address().port;
    if (port !== saved) writeJsonFile(portFile, { port });
  };

  return {
    follow: counter.follow,
    async open() {
      const before = port;
      if (socket !== null) return false;
      await begin().catch(failed('what goes through is not counted, or not on the same port again'));
      port ??= null;
      return port !== before;
    },
    port: () => port,
    figures() {
      const figures = counter.figures();
      return figures && { epoch, figures };
    },
    close() {
      socket?.close();
      socket = null;
      port = undefined;
    },
  };
}

/** 0, which is any, when there is none. */
function savedPort(portFile: string): number {
  const saved = (readJsonFile(portFile) as { port?: unknown } | null)?.port;
  const isPort = typeof saved === 'number' && Number.isInteger(saved) && saved > 0 && saved < 65_536;
  return isPort ? saved : 0;
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
