/**
 * The port on the loopback by which this node's Docker pushes what is to be served and pulls what is carried here: a registry
 * there needs no TLS. Only Docker, which this agent tells a password that is in memory alone, is answered; and only for the
 * images that are on their way now.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RegistryAuth } from '../engine.js';
import { forward, refuse, type Upstream } from './forward.js';

/** `img` is pushed to this node's registry, `from` is pulled from another node. */
export type Way = 'img' | 'from';

export interface Loopback {
  /** Opens the way of an image; answers its repository, what Docker shows, and how the way is closed. */
  open(way: Way, hex: string, upstream: Omit<Upstream, 'path'>): Promise<OpenWay>;
  stop(): Promise<void>;
}

export interface OpenWay {
  /** `127.0.0.1:PORT/img/HEX`. */
  repository: string;
  auth: RegistryAuth;
  /** Bytes that came from the other end so far. */
  bytes(): number;
  close(): void;
}

interface Open {
  upstream: Omit<Upstream, 'path'>;
  bytes: number;
}

const USER = 'orca';

/** `port`: the one of before, or 0; a stable one lets Docker know again what it has pushed. */
export function openLoopback(port: () => number, onPort: (port: number) => void): Loopback {
  const password = randomBytes(24).toString('base64url');
  const expected = Buffer.from(`Basic ${Buffer.from(`${USER}:${password}`).toString('base64')}`);
  const ways = new Map<string, Open>();
  let server: Promise<Server> | null = null;

  const handle = (request: IncomingMessage, answer: ServerResponse): void => {
    if (isRight(request.headers.authorization, expected)) answered(request, answer);
    else {
      answer.setHeader('www-authenticate', 'Basic realm="orca"');
      refuse(answer, 401, 'only Docker on this node is answered here');
    }
  };
  const answered = (request: IncomingMessage, answer: ServerResponse): void => {
    if (/^\/v2\/?$/.test(request.url ?? '')) {
      answer.writeHead(200).end('{}');
      return;
    }
    const asked = readPath(request);
    const open = asked && ways.get(`${asked.way}/${asked.hex}`);
    if (!open) refuse(answer, 404, 'no such image is on its way on this node');
    else
      forward(
        request,
        answer,
        { ...open.upstream, path: request.url?.replace('/v2/from/', '/v2/img/') ?? '' },
        {
          onBytes: (n) => {
            open.bytes += n;
          },
        },
      );
  };
  const listen = async (): Promise<Server> => {
    const made = (await listening(handle, port())) ?? (await listening(handle, 0));
    if (made === null) throw new Error('no port of 127.0.0.1 can be had');
    onPort(portOf(made));
    return made;
  };
  return {
    async open(way, hex, upstream) {
      server ??= listen().catch((error) => {
        server = null;
        throw error;
      });
      const key = `${way}/${hex}`;
      const host = `127.0.0.1:${portOf(await server)}`;
      const open: Open = { upstream, bytes: 0 };
      ways.set(key, open);
      return {
        repository: `${host}/${key}`,
        auth: { username: USER, password, serveraddress: host },
        bytes: () => open.bytes,
        close() {
          if (ways.get(key) === open) ways.delete(key);
        },
      };
    },
    async stop() {
      ways.clear();
      const made = await server?.catch(() => null);
      server = null;
      made?.closeAllConnections();
      made?.close();
    },
  };
}

function isRight(given: string | undefined, expected: Buffer): boolean {
  const said = Buffer.from(given ?? '');
  return said.length === expected.length && timingSafeEqual(said, expected);
}

/** Docker only reads what is carried here. */
function readPath({ url = '', method = '' }: IncomingMessage): { way: Way; hex: string } | null {
  const match = /^\/v2\/(img|from)\/([0-9a-f]{64})\/(manifests|blobs)\//.exec(url);
  const way = match?.[1] as Way | undefined;
  if (!match || way === undefined || match[2] === undefined || url.includes('..')) return null;
  return way === 'from' && method !== 'GET' && method !== 'HEAD' ? null : { way, hex: match[2] };
}

async function listening(
  handle: (request: IncomingMessage, answer: ServerResponse) => void,
  port: number,
): Promise<Server | null> {
  const server = createServer({ requestTimeout: 0 }, handle);
  server.listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => null,
  );
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
