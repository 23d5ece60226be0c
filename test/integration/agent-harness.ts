/**
 * The other ends of an agent, for its tests: a master that speaks the protocol over mutual TLS and does what the test
 * says, a way to Docker that can be cut, and an agent in this process between the two.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttps, type Server } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Agent, type IngressPart, startAgent } from '../../agent/agent.js';
import type { Engine } from '../../agent/engine.js';
import type { CountedFigures } from '../../agent/link.js';
import { createLog } from '../../agent/log.js';
import { openMemory } from '../../agent/memory.js';
import { nodeFacts } from '../../agent/node-facts.js';
import { agentPaths } from '../../agent/settings.js';
import { type Authority, openAuthority } from '../../master/authority.js';
import type { AgentMessage, AllocationObserved, MasterMessage, Status } from '../../shared/protocol.js';
import { decodeAgentMessage, encode } from '../../shared/wire.js';
import { waitFor } from '../support/wait-for.js';

const PING_MS = 50;

export interface MasterEnd {
  readonly url: string;
  readonly authority: Authority;
  /** All that was said, newest last, over all sessions; pongs are left out. */
  readonly heard: AgentMessage[];
  readonly sessions: { commonName: string; code: number | null }[];
  /** What it does by itself; each can be switched off. */
  sends: { receipts: boolean; pings: boolean };
  send(message: MasterMessage | string): void;
  cut(code?: number): void;
  status(): Status | undefined;
  allocation(id?: string): AllocationObserved | undefined;
  until(what: string, holds: (status: Status) => boolean, timeoutMs?: number): Promise<Status>;
}

export async function tempFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orca-agent-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Listens on a port of its own until the test ends. */
export async function masterEnd(t: Test): Promise<MasterEnd> {
  const authority = openAuthority(await tempFolder(t), Date.now());
  const { certPem, keyPem } = authority.issueServer(['127.0.0.1'], Date.now());
  const tls = { cert: certPem, key: keyPem, ca: authority.caPem };
  const server: Server = createHttps({ ...tls, requestCert: true, rejectUnauthorized: false });
  const sockets = new WebSocketServer({ server });
  let newest: WebSocket | null = null;
  const master: MasterEnd = {
    url: '',
    authority,
    heard: [],
    sessions: [],
    sends: { receipts: true, pings: true },
    send: (message) => newest?.send(typeof message === 'string' ? message : encode(message)),
    cut: (code) => (code === undefined ? newest?.terminate() : newest?.close(code)),
    status: () => master.heard.filter((m): m is Status => m.type === 'status').at(-1),
    allocation: (id = 'shop.api.1') => master.status()?.allocations.find((a) => a.id === id),
    until: (what, holds, timeoutMs = 20_000) =>
      waitFor(
        what,
        () => {
          const status = master.status();
          return status && holds(status) ? status : null;
        },
        { timeoutMs, everyMs: 5 },
      ),
  };
  sockets.on('connection', (socket, request) => {
    newest = socket;
    const peer = request.socket as unknown as {
      authorized: boolean;
      getPeerCertificate(): { subject?: { CN?: string } };
    };
    const session = {
      commonName: peer.authorized ? (peer.getPeerCertificate().subject?.CN ?? '') : '',
      code: null,
    };
    master.sessions.push(session);
    const heartbeat = setInterval(() => {
      if (master.sends.pings) socket.send(encode({ type: 'ping', number: 1 }));
    }, PING_MS);
    socket.on('close', (code) => {
      clearInterval(heartbeat);
      Object.assign(session, { code });
    });
    socket.on('message', (data) => {
      const decoded = decodeAgentMessage(data.toString());
      if (!decoded.ok) throw new Error(decoded.reason);
      if (decoded.message.type === 'pong') return;
      master.heard.push(decoded.message);
      if (decoded.message.type !== 'status' || !master.sends.receipts) return;
      socket.send(encode({ type: 'status-receipt', number: decoded.message.number }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  Object.assign(master, { url: `wss://127.0.0.1:${(server.address() as AddressInfo).port}/agent` });
  return master;
}

export interface AgentUnderTest {
  agent: Agent;
  home: string;
  ingress: {
    applied: { ingress: unknown; revision: number }[];
    local: ReadonlyMap<string, unknown>;
    figures: CountedFigures | null;
  };
}

/** An agent of node `n1` in this process. The same `home` again is the same agent started anew. */
export async function agentUnderTest(
  t: Test,
  options: { master: MasterEnd; engine: Engine; home?: string; authority?: Authority },
): Promise<AgentUnderTest> {
  const home = options.home ?? (await tempFolder(t));
  const paths = agentPaths(home);
  await mkdir(paths.folder, { recursive: true });
  const { certPem, keyPem } = (options.authority ?? options.master.authority).issueNode('n1', Date.now());
  await writeFile(paths.credentials.ca, options.master.authority.caPem);
  await writeFile(paths.credentials.cert, certPem);
  await writeFile(paths.credentials.key, keyPem);
  const settings = { nodeId: 'n1', name: 'one', masterUrl: options.master.url, docker: '', advertise: null };
  const ingress: AgentUnderTest['ingress'] = {
    applied: [],
    local: new Map(),
    figures: { epoch: 'e-1', figures: [] },
  };
  const agent = await startAgent({
    settings,
    credentials: paths.credentials,
    engine: options.engine,
    memory: openMemory(paths.folder, (problem) => t.equal(problem, null)),
    facts: () => nodeFacts(settings),
    hasIngress: () => false,
    createIngress: () => fakeIngress(ingress),
    log: createLog(() => undefined),
    timing: { livenessMs: 8 * PING_MS, retryMs: 10 },
    lookEveryMs: 500,
  });
  t.teardown(() => agent.stop());
  return { agent, home, ingress };
}

function fakeIngress(seen: AgentUnderTest['ingress']): IngressPart<{ domain: string }> {
  return {
    decode(ingress) {
      const { domain } = ingress as { domain?: unknown };
      if (typeof domain !== 'string') throw new Error('ingress.domain: not a string');
      return { domain };
    },
    apply: (ingress, revision) => void seen.applied.push({ ingress, revision }),
    setLocal(endpoints) {
      seen.local = endpoints;
    },
    observed: () => null,
    figures: () => seen.figures,
    stop: async () => undefined,
  };
}

/** A socket that leads to Docker's until it is cut. */
export async function wayToDocker(
  t: Test,
  docker: string,
): Promise<{ socket: string; cut(): Promise<void>; mend(): Promise<void> }> {
  const socket = join(await tempFolder(t), `${randomBytes(3).toString('hex')}.sock`);
  const open = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(docker.replace('unix://', ''));
    for (const end of [from, to]) {
      open.add(end);
      end.on('error', () => undefined).on('close', () => open.delete(end));
    }
    from.pipe(to).pipe(from);
  });
  const mend = (): Promise<void> => new Promise((resolve) => server.listen(socket, resolve));
  const cut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const end of open) end.destroy();
    });
  await mend();
  t.teardown(() => (server.listening ? cut() : undefined));
  return { socket, cut, mend };
}
