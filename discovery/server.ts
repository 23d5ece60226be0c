/**
 * The companion: answers containers about names, and joins their connections to a service's address with who is ready. It runs
 * as its own process, which does nothing else, and outlives agent and master.
 *
 * Promises: it serves what it last stored at once after a start, on the same port as before. What it acknowledged is served, and
 * stored too unless the disk refuses it. Refuses what is older than its own, a second instance on its control socket, and whoever
 * calls from elsewhere than the network of the project that a service is in.
 *
 * Control socket (`names.sock`): `{"op":"publish","revision":N,"served":{…}}` or `{"op":"ping"}`
 * → `{"ok":true,"pid","revision","port","dns","open":{allocation: connections},"problem"}` or `{"ok":false,"reason"}`.
 */
import type { Socket as UdpSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { listenControl } from '../proxy-config/control-server.js';
import { serveTcp } from '../proxy-config/dns-server.js';
import { readJsonFile, tryWriteJsonFile } from '../proxy-config/json-file.js';
import { keptFile } from '../proxy-config/kept-file.js';
import { isListening } from '../shared/listening.js';
import { inherit, listen } from './listen.js';
import { projectAt } from './names.js';
import { createProxy } from './proxy.js';
import { replyTo } from './reply.js';
import type { Served } from './served.js';

interface Publication {
  revision: number;
  served: Served;
}

export type ServerReply =
  | {
      ok: true;
      pid: number;
      revision: number;
      port: number;
      dns: string;
      /** Open connections by allocation. */
      open: Record<string, number>;
      /** What is not as it should be, while it goes on; null: nothing. */
      problem: string | null;
    }
  | { ok: false; reason: string };

export interface RunningServer {
  port: number;
  /** To be held by a standby, in the order of `INHERITED`. */
  listening: (Server | UdpSocket)[];
  stop(): Promise<void>;
}

const STORE_AGAIN_MS = 5_000;

/** Starts it in `directory`, with `dns` as its address; null when another one listens on the control socket there. */
export async function startServer(
  directory: string,
  dns: string,
  isHeir = false,
): Promise<RunningServer | null> {
  const socketPath = join(directory, 'names.sock');
  if (await isListening(socketPath)) return null;
  const file = join(directory, 'served.json');
  const stored = keptFile<Publication>(file, STORE_AGAIN_MS);
  const proxy = createProxy();
  let publication = publicationOf(readJsonFile(file));

  const handlers = {
    onConnection: (socket: Socket): void => accept(socket, publication?.served ?? null),
    onQuery: (query: Buffer, address: string): Buffer | null => answer(query, address),
  };
  const answer = (query: Buffer, address: string): Buffer | null => {
    const served = publication?.served ?? null;
    return replyTo(served, served && projectAt(served, address), query);
  };
  const accept = (socket: Socket, served: Served | null): void => {
    socket.on('error', () => socket.destroy());
    const { localAddress = '', remoteAddress = '' } = socket;
    const project = served && projectAt(served, remoteAddress);
    const service = served?.services.find((one) => one.address === localAddress && one.project === project);
    if (project === null || (localAddress !== dns && service === undefined)) socket.resetAndDestroy();
    else if (service === undefined) serveQueries(socket, (query) => answer(query, remoteAddress));
    else proxy.join(socket, service);
  };

  const portFile = join(directory, 'port.json');
  const saved = (readJsonFile(portFile) ?? {}) as { port?: number };
  const listeners = isHeir ? await inherit(handlers) : await listen(dns, saved.port ?? null, handlers);
  const { port, tcp, udp } = listeners;
  if (await isListening(socketPath)) {
    await listeners.stop();
    return null;
  }
  tryWriteJsonFile(portFile, { port });
  const state = (): ServerReply => ({
    ok: true,
    pid: process.pid,
    revision: publication?.revision ?? 0,
    port,
    dns,
    open: Object.fromEntries(proxy.open()),
    problem: proxy.problem() ?? unwritten(stored.problem()),
  });
  const publish = (next: Publication): ServerReply => {
    if (publication && next.revision <= publication.revision) return { ok: false, reason: 'older revision' };
    publication = next;
    stored.keep(next);
    return state();
  };
  const control = await listenControl(socketPath, (line) => answerControl(line, publish, state));
  return {
    port,
    listening: [tcp, udp],
    async stop() {
      control.close();
      stored.stop();
      await listeners.stop();
    },
  };
}

const unwritten = (problem: string | null): string | null =>
  problem === null ? null : `names are served but not on disk: ${problem}`;

function serveQueries(socket: Socket, answer: (query: Buffer) => Buffer | null): void {
  serveTcp(socket, () => ({ answer }));
  socket.on('end', () => socket.end());
  socket.resume();
}

function answerControl(
  line: string,
  publish: (next: Publication) => ServerReply,
  state: () => ServerReply,
): ServerReply {
  try {
    const message = JSON.parse(line) as { op?: unknown };
    if (message.op === 'ping') return state();
    const next = message.op === 'publish' ? publicationOf(message) : null;
    return next === null ? { ok: false, reason: 'unknown message' } : publish(next);
  } catch (error) {
    return { ok: false, reason: String(error) };
  }
}

/** Null when it is missing or damaged. */
function publicationOf(value: unknown): Publication | null {
  const { revision, served } = (value ?? {}) as Partial<Publication>;
  if (typeof revision !== 'number' || !served?.networks || !served.services) return null;
  return { revision, served };
}
