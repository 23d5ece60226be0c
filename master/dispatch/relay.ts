/**
 * Connections between nodes that can't reach each other: both ends come to the master's HTTPS with their own certificate, and the
 * master joins the two sockets, which then speak TLS with each other that it can't read. One end asks for a node by id, which the
 * master allows only where it has said that this one may read images there; the other end is told over its session, and comes with
 * an id that is good for one connection. These sockets carry no session, so that nothing of them is waited for by one.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { RELAY_PROTOCOL } from '../../shared/carry.js';
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import type { Peer } from '../../shared/model.js';
import type { Store } from '../store/store.js';
import { admit, knownTo } from './admit.js';

export interface RelayOptions {
  store: Store;
  peer(socket: unknown): Peer | null;
  mayRead(reader: string, holder: string): boolean;
  /** Tells a node that somebody waits under this id. Throws NODE_UNREACHABLE. */
  tell(node: string, id: string): void;
  log: Log;
  /** How long the other end may take to come. */
  comeMs?: number;
}

/** True: the request was for the relay, and is answered. */
export type Relay = (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;

interface Waiting {
  holder: string;
  socket: Duplex;
  timer: NodeJS.Timeout;
}

const COME_MS = 10_000;
const IDLE_MS = 120_000;
/** Of each node that reads, and in all. */
const MAX_PER_NODE = 12;
const MAX_IN_ALL = 120;

export function createRelay(options: RelayOptions): Relay {
  const { store, log } = options;
  const waiting = new Map<string, Waiting>();
  const open = new Map<string, number>();

  const refusal = (reader: string, holder: string): [status: number, why: string] | null => {
    const all = [...open.values()].reduce((sum, count) => sum + count, 0);
    if (!options.mayRead(reader, holder)) return [403, 'this node has no image to read from that one'];
    const isFull = (open.get(reader) ?? 0) >= MAX_PER_NODE || all >= MAX_IN_ALL;
    return isFull ? [503, 'too many connections are relayed already'] : null;
  };
  const ask = (reader: string, holder: string, socket: Duplex): void => {
    const refused = refusal(reader, holder);
    if (refused) refuse(socket, ...refused);
    else wait(reader, holder, socket);
  };
  const wait = (reader: string, holder: string, socket: Duplex): void => {
    const id = randomBytes(18).toString('base64url');
    open.set(reader, (open.get(reader) ?? 0) + 1);
    socket.once('close', () => {
      open.set(reader, (open.get(reader) ?? 1) - 1);
      if (open.get(reader) === 0) open.delete(reader);
      drop(id);
    });
    const timer = setTimeout(() => {
      drop(id);
      refuse(socket, 504, 'that node did not come to the master');
    }, options.comeMs ?? COME_MS);
    waiting.set(id, { holder, socket, timer });
    try {
      options.tell(holder, id);
    } catch (error) {
      drop(id);
      refuse(socket, 503, messageOf(error));
    }
  };
  const drop = (id: string): Waiting | undefined => {
    const found = waiting.get(id);
    clearTimeout(found?.timer);
    waiting.delete(id);
    return found;
  };
  const come = (node: string, id: string, socket: Duplex): void => {
    const found = waiting.get(id)?.holder === node ? drop(id) : undefined;
    if (found === undefined) refuse(socket, 404, 'nobody waits under that id');
    else {
      join(found.socket, socket);
      log.info({ node }, 'a connection between two nodes is relayed');
    }
  };

  return (request, socket, head) => {
    const match = /^\/relay\/(to|from)\/([\w%.-]{1,100})$/.exec(request.url ?? '');
    if (!match) return false;
    socket.on('error', () => socket.destroy());
    const admission = admit(options.peer(socket), knownTo(store));
    if ('code' in admission) refuse(socket, 401, admission.reason);
    else if (request.headers.upgrade !== RELAY_PROTOCOL)
      refuse(socket, 400, `only ${RELAY_PROTOCOL} is spoken here`);
    else {
      const about = decoded(match[2] ?? '');
      if (about === null) refuse(socket, 400, 'the path is no name');
      else {
        if (head.length > 0) socket.unshift(head);
        if (match[1] === 'to') ask(admission.node, about, socket);
        else come(admission.node, about, socket);
      }
    }
    return true;
  };
}

/** Null: what is written there are no bytes of UTF-8. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

const SWITCHED = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${RELAY_PROTOCOL}\r\n\r\n`;

/** Each is read no faster than the other takes it; when one ends, both do. */
function join(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.write(SWITCHED);
    if ('setTimeout' in from && typeof from.setTimeout === 'function')
      from.setTimeout(IDLE_MS, () => from.destroy());
    from.pipe(to);
    from.once('close', () => to.destroy());
  }
}

function refuse(socket: Duplex, status: number, why: string): void {
  const head = `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(why)}\r\n\r\n${why}`);
}
