/**
 * Connections whose other end has proved nothing yet: no token, no certificate of a node. They cost memory (about 50 KB each with
 * TLS) that anyone who reaches the port can ask for, so there is a bound, and the one that has waited longest goes first: who is who
 * they should be needs milliseconds to prove it. A thousand agents that come back at once are no crowd yet: within `GRACE_MS` nobody
 * is closed below the upper bound.
 */
import type { Server, Socket } from 'node:net';
import type { Log } from '../shared/log.js';

/** So many may stay as long as they like (which the timeouts of requests bound). */
const SOFT_LIMIT = 512;
const HARD_LIMIT = 1_500;
const GRACE_MS = 5_000;
const TELL_EVERY_MS = 60_000;

export interface Crowd {
  watch(server: Server): void;
  /** The other end of this one has proved who it is. TLS or not. */
  proved(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void;
  size(): number;
}

export function createCrowd(
  log: Log,
  limits = { soft: SOFT_LIMIT, hard: HARD_LIMIT, graceMs: GRACE_MS },
): Crowd {
  /** Oldest first. A TLS socket is another object than the one below it, and has its address and port. */
  const waiting = new Map<string, { socket: Socket; sinceMs: number }>();
  const told = { shut: 0, atMs: 0 };

  const shutOldest = (nowMs: number): void => {
    for (const [key, { socket, sinceMs }] of waiting) {
      const isOver = waiting.size > limits.hard || nowMs - sinceMs > limits.graceMs;
      if (waiting.size <= limits.soft || !isOver) break;
      waiting.delete(key);
      socket.destroy();
      told.shut += 1;
    }
    if (told.shut === 0 || nowMs - told.atMs < TELL_EVERY_MS) return;
    const connections = told.shut;
    Object.assign(told, { shut: 0, atMs: nowMs });
    log.warn({ connections }, 'too many connections that prove nothing: the oldest were closed');
  };
  return {
    watch(server) {
      server.on('connection', (socket: Socket) => {
        const key = keyOf(socket);
        const nowMs = Date.now();
        waiting.set(key, { socket, sinceMs: nowMs });
        socket.once('close', () => {
          if (waiting.get(key)?.socket === socket) waiting.delete(key);
        });
        shutOldest(nowMs);
      });
    },
    proved: (socket) => void waiting.delete(keyOf(socket)),
    size: () => waiting.size,
  };
}

const keyOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string =>
  `${remoteAddress} ${remotePort}`;
