/**
 * An agent for tests of the master: a real WebSocket with a real client certificate, and a made-up node behind it that
 * does at once whatever it is assigned. `report` changes what it claims to see.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import {
  type AgentMessage,
  type AllocationObserved,
  type Assignment,
  type MasterMessage,
  PROTOCOL_VERSION,
  type Recalled,
  type Status,
} from '../../shared/protocol.js';
import { decodeMasterMessage, encode } from '../../shared/wire.js';
import { waitFor } from './wait-for.js';

export interface FakeAgent {
  /** Everything that came in, oldest first. */
  readonly received: MasterMessage[];
  readonly closed: { code: number; reason: string } | null;
  assignment(): Assignment | null;
  send(message: AgentMessage): void;
  sendText(text: string): void;
  /** Sends the status that the newest assignment comes to, changed by `change`. */
  report(change?: (status: Status) => Status): void;
  /** From now on each assignment is answered with its receipt and the status it comes to. */
  obey(change?: (status: Status) => Status): void;
  /** From now on it answers `recall`: it remembers `assignment`, and runs all of it. Its hello must say `recalls`. */
  remember(assignment: Assignment): void;
  until<T>(what: string, look: () => T): Promise<Exclude<T, null | undefined | false>>;
  close(): Promise<void>;
}

export interface FakeAgentOptions {
  home: string;
  /** Below the home; `agent`. */
  folder?: string;
  port: number;
  /** False: connect without a client certificate. */
  certificate?: boolean;
  /** PEM; instead of those of the home. */
  credentials?: { key: string; cert: string };
  /** Where it connects from. */
  localAddress?: string;
  hello?: Partial<Extract<AgentMessage, { type: 'hello' }>> | null;
}

/** Connects with the files of `home/agent` and says hello (unless `hello` is null). */
export async function fakeAgent(options: FakeAgentOptions): Promise<FakeAgent> {
  const file = (name: string): Buffer => readFileSync(join(options.home, options.folder ?? 'agent', name));
  const own = options.credentials ?? { cert: file('node.crt'), key: file('node.key') };
  const credentials = options.certificate === false ? {} : own;
  const socket = new WebSocket(`wss://127.0.0.1:${options.port}/agent`, {
    ca: file('ca.pem'),
    ...credentials,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
  });
  const received: MasterMessage[] = [];
  let closed: { code: number; reason: string } | null = null;
  let statusNumber = 0;
  let obeys: ((status: Status) => Status) | null = null;
  let remembered: Assignment | null = null;
  const newest = (): Assignment | null =>
    received.findLast((m): m is Assignment => m.type === 'assignment') ?? null;
  const send = (message: AgentMessage): void => socket.send(encode(message));
  const report = (change: (status: Status) => Status = (same) => same): void =>
    send(change(statusOf(newest(), ++statusNumber)));

  socket.on('message', (data) => {
    const decoded = decodeMasterMessage(data.toString());
    if (!decoded.ok) throw new Error(decoded.reason);
    received.push(decoded.message);
    if (decoded.message.type === 'ping') send({ type: 'pong', number: decoded.message.number });
    if (decoded.message.type === 'recall') send(recalledOf(decoded.message.id, remembered ?? newest()));
    if (decoded.message.type !== 'assignment' || !obeys) return;
    send({ type: 'receipt', revision: decoded.message.revision, accepted: true, reason: null });
    report(obeys);
  });
  socket.on('error', () => {});
  socket.on('close', (code, reason) => {
    closed = { code, reason: reason.toString() };
  });
  await waitFor('the socket to open', () => socket.readyState === socket.OPEN || closed !== null);
  if (options.hello !== null) send({ ...aHello(), ...options.hello });
  return {
    received,
    get closed() {
      return closed;
    },
    assignment: newest,
    send,
    sendText: (text) => socket.send(text),
    report,
    obey(change = (same) => same) {
      obeys = change;
      report(change);
    },
    remember(assignment) {
      remembered = assignment;
    },
    until: (what, look) => waitFor(what, look),
    async close() {
      socket.close();
      await waitFor('the socket to close', () => closed !== null);
    },
  };
}

export const aHello = (): Extract<AgentMessage, { type: 'hello' }> => ({
  type: 'hello',
  protocol: PROTOCOL_VERSION,
  facts: {
    name: 'fake',
    address: '127.0.0.1',
    version: '0.0.0',
    os: 'linux',
    arch: 'x64',
    cpus: 2,
    memoryBytes: 2 ** 31,
    pid: 1,
  },
  revision: 0,
});

/** What a node that does everything at once sees under this assignment. */
export function statusOf(assignment: Assignment | null, number: number): Status {
  const routes = (assignment?.ingress?.routes ?? []) as {
    service: string;
    canaryWeight: number;
    mark?: string;
    allocations: { id: string; desired: 'routed' | 'draining' }[];
  }[];
  return {
    type: 'status',
    number,
    revision: assignment?.revision ?? 0,
    observedAtMs: Date.now(),
    engine: { state: 'up', version: '20.10.24', apiVersion: '1.41', reason: null },
    allocations: (assignment?.allocations ?? []).map((a) => observed(a.id, a.desired === 'running')),
    images: (assignment?.images ?? []).map(({ id, ref }) => ({
      id,
      state: 'ready',
      percent: null,
      imageId: `sha256:${ref}`,
      digest: null,
      reason: null,
    })),
    ingress: assignment?.ingress
      ? {
          revision: assignment.revision,
          caddy: 'running',
          caddyVersion: '2.6.2',
          resolver: 'running',
          reason: null,
          traffic: routes.flatMap((route) =>
            route.allocations.map(({ id, desired }) => ({
              allocation: id,
              state: desired === 'routed' ? ('routed' as const) : ('drained' as const),
              inFlight: 0,
              reason: null,
            })),
          ),
          weights: routes.map(({ service, canaryWeight }) => ({ service, canaryWeight })),
          shapes: routes.map(({ service, mark = null }) => ({ service, mark })),
        }
      : null,
  };
}

function recalledOf(id: string, assignment: Assignment | null): Recalled {
  const running = (assignment?.allocations ?? []).filter(({ desired }) => desired === 'running');
  return {
    type: 'recalled',
    id,
    problem: null,
    assignment,
    containers: running.map((one) => ({ id: `c-${one.id}`, allocation: one.id, isAlive: true })),
    labelled: [],
    observed: running.map((one) => observed(one.id, true)),
  };
}

const observed = (id: string, running: boolean): AllocationObserved => ({
  id,
  state: running ? 'ready' : 'gone',
  reason: null,
  sinceMs: 1_000,
  restarts: 0,
  exitCode: null,
  lastLogs: [],
  endpoint: running ? { address: '127.0.0.1', port: 40_000 } : null,
  containerId: running ? `container-of-${id}` : null,
});
