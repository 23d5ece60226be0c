/**
 * The live agent sessions: `/agent` on the HTTPS listener, mutual TLS, hello first. One session a node (a newer one
 * replaces it, unless two fight for one identity), one assignment after each hello and whenever control has a newer one, one status-receipt after what a
 * status said is in the store. Refuses who is no node of this cluster, and other protocol versions.
 */
import { type WebSocket, WebSocketServer } from 'ws';
import { closeCodes } from '../../shared/close-codes.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import type { Peer } from '../../shared/model.js';
import { ofOneConnection } from '../../shared/of-one-connection.js';
import {
  type AgentMessage,
  HEARTBEAT_MS,
  LIVENESS_MS,
  MAX_FRAME_BYTES,
  type NodeFacts,
  PROTOCOL_VERSION,
  type Recalled,
} from '../../shared/protocol.js';
import { believedFacts } from './believed.js';
import { createCleanups } from './cleanups.js';
import { createFights } from './fights.js';
import { changedServices, heardFigures } from './figures.js';
import { createInbox } from './inbox.js';
import type { Live } from './live.js';
import { createLogStream } from './log-stream.js';
import type { Dispatch, DispatchOptions } from './ports.js';
import { createRecalls, RECALL_MS } from './recalls.js';
import { recordAsked, recordClone, recordEnd, recordHello, recordStatus, recordStranger } from './reports.js';
import { createSession } from './session.js';
import { createSourceReads } from './source-reads.js';
import { createUpgrade } from './upgrade.js';

/** So many characters of what an agent says of itself go into the log. */
const MAX_SAID = 500;

/** What is to be done once what was said is on disk. */
type Then = (() => void) | undefined;

const END_AGAIN_MS = 1_000;

export function createDispatch(options: DispatchOptions): Dispatch {
  const { store, log } = options;
  const timing = options.timing ?? (() => ({ heartbeatMs: HEARTBEAT_MS, livenessMs: LIVENESS_MS }));
  const live = new Map<string, Live>();
  const fights = createFights();
  const inbox = createInbox(store);
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
  });
  let streams = 0;

  const liveOf = (node: string): Live => {
    const state = live.get(node);
    if (!state) throw new OrcaError('NODE_UNREACHABLE', `node ${node} has no live session`);
    return state;
  };

  /** Of requests only an ingress has something to say: figures of anybody else would judge canaries by what nobody asked. */
  const servesClients = (node: string): boolean => store.node(node)?.ingress === true;

  const believed = (node: string, said: NodeFacts, from: string): NodeFacts => {
    const [name, address] = [store.identity(node)?.name, store.node(node)?.facts.address];
    return believedFacts(said, { name, address, isLocal: options.isLocal(node) }, from);
  };

  const onHello = (state: Live, hello: Extract<AgentMessage, { type: 'hello' }>): Then => {
    const { session } = state;
    const older = live.get(session.node);
    state.claimant = { address: state.address, pid: hello.facts.pid };
    if (older && older !== state && isRefused(older, state)) return undefined;
    live.set(session.node, state);
    if (older && older !== state) older.session.close(closeCodes.replaced, 'a newer session took its place');
    const isStranger = store.identity(session.node) === undefined;
    store.write((tx) => {
      if (isStranger) recordStranger(tx, session.node, hello.facts, state.peer);
      const facts = believed(session.node, hello.facts, state.address);
      const described = options.describeNode(session.node, facts);
      recordHello(tx, session.node, facts, described, Date.now(), hello.facts.address);
    });
    log.info(
      { node: session.node, revision: hello.revision, version: hello.facts.version },
      'node connected',
    );
    const canRecall = hello.facts.recalls === true;
    const given = options.assignmentFor(session.node, { revision: hello.revision, canRecall, isStranger });
    if (given === 'compare') return () => compare(state);
    return given ? () => session.assign(given) : undefined;
  };

  /** Its agent answers when it can: a node without Docker says so in its status meanwhile. */
  const compare = (state: Live): void => {
    const { session, recalls } = state;
    recalls.ask(null).then(
      (recalled) => handle(state, () => onRecalled(state, recalled)),
      (error) => log.warn({ node: session.node, error: messageOf(error) }, 'what runs there is not known'),
    );
  };

  const onRecalled = (state: Live, recalled: Recalled): Then => {
    const { session } = state;
    const assignment = live.get(session.node) === state ? options.compared(session.node, recalled) : null;
    return assignment ? () => session.assign(assignment) : undefined;
  };

  /** One that fights for an identity with another that lives is sent away. */
  const isRefused = ({ claimant: from }: Live, { session, claimant: to }: Live): boolean => {
    const atMs = Date.now();
    const refused = from && to && fights.refuse(session.node, { atMs, from, to });
    if (!refused) return false;
    if (refused.isNew) store.write((tx) => recordClone(tx, session.node, refused.reason, atMs));
    session.close(closeCodes.cloned, 'another agent has the identity of this node: see `orca nodes`');
    return true;
  };

  const onStatus = (state: Live, status: Extract<AgentMessage, { type: 'status' }>): Then => {
    const isNew = status.number > state.statusNumber;
    const { node } = state.session;
    if (isNew) store.write((tx) => recordStatus(tx, node, status, Date.now(), options.isLocal(node)));
    return () => {
      if (isNew) state.inFlight = new Map(status.ingress?.traffic.map((t) => [t.allocation, t.inFlight]));
      state.statusNumber = Math.max(state.statusNumber, status.number);
      state.session.send({ type: 'status-receipt', number: state.statusNumber });
    };
  };

  const onReceipt = (state: Live, receipt: Extract<AgentMessage, { type: 'receipt' }>): void => {
    const { node } = state.session;
    if (!receipt.accepted)
      log.warn(
        { node, revision: receipt.revision, reason: receipt.reason?.slice(0, MAX_SAID) },
        'assignment refused',
      );
  };

  const onFigures = (state: Live, message: Extract<AgentMessage, { type: 'figures' }>): void => {
    if (!servesClients(state.session.node)) return;
    const before = state.figures;
    state.figures = heardFigures(state.session.node, message);
    const changed = changedServices(before, state.figures);
    if (changed.length > 0) options.onFigures?.(changed);
  };

  const onMessage = (state: Live, message: AgentMessage): Then => {
    if (state.session.isClosed()) return undefined;
    if (message.type === 'hello') return onHello(state, message);
    if (message.type === 'status') return onStatus(state, message);
    else if (message.type === 'receipt') onReceipt(state, message);
    else if (message.type === 'figures') onFigures(state, message);
    else if (message.type === 'recalled') state.recalls.answered(message);
    else if (message.type === 'cleaned') state.cleanups.answered(message);
    else if (message.type === 'source-read') state.sourceReads.answered(message);
    else if (message.type === 'logs-lines') state.logs.get(message.id)?.push(message.lines);
    else if (message.type === 'logs-end') state.logs.get(message.id)?.end(message.reason);
    return undefined;
  };

  /** What is out of order, or of another version, costs the session at once, whatever is behind it; the rest waits for its turn. */
  const take = (state: Live, message: AgentMessage): void => {
    const isHello = message.type === 'hello';
    if (isHello === state.hasSaidHello)
      state.session.close(
        closeCodes.badMessage,
        isHello ? 'hello was said already' : 'the first message is hello',
      );
    else if (message.type === 'hello' && message.protocol !== PROTOCOL_VERSION)
      state.session.close(closeCodes.versionMismatch, `this master speaks version ${PROTOCOL_VERSION}`);
    else handle(state, () => onMessage(state, message), message.type === 'status');
    state.hasSaidHello ||= isHello;
  };

  const onEnd = (state: Live, reason: string): Then => {
    const { node } = state.session;
    for (const stream of state.logs.values()) stream.end('the node is gone');
    state.recalls.end();
    state.cleanups.end();
    state.sourceReads.end();
    if (live.get(node) !== state) return undefined;
    store.write((tx) =>
      recordEnd(tx, node, reason, { heardAtMs: state.session.heardAtMs(), nowMs: Date.now() }),
    );
    return () => {
      if (live.get(node) === state) live.delete(node);
      log.warn({ node, reason }, 'node disconnected');
    };
  };

  /** What the store refuses ends the session, not the master; but a status on a full disk, which is said again until its receipt. */
  const handle = (state: Live, work: () => Then, isSaidAgain = false): void =>
    inbox.put(work, (error) => {
      if (isSaidAgain && error instanceof OrcaError && error.code === 'STORE_FULL') return;
      const { node } = state.session;
      log.error({ node, error: messageOf(error) }, 'a message of an agent could not be handled');
      state.session.close(1011, 'the master could not handle a message');
    });

  /** Nobody says again that a session has ended. */
  const ended = (state: Live, reason: string): void =>
    inbox.put(
      () => onEnd(state, reason),
      (error) => {
        log.error(
          { node: state.session.node, error: messageOf(error) },
          'the end of a session is not stored yet',
        );
        setTimeout(() => ended(state, reason), END_AGAIN_MS).unref();
      },
    );

  const accept = (socket: WebSocket, node: string, address: string, peer: Peer | null): void => {
    const state: Live = {
      session: createSession(
        socket,
        node,
        {
          onMessage: ofOneConnection(
            log,
            (message: AgentMessage) => take(state, message),
            () => state.session.close(1011, 'the master could not handle a message'),
          ),
          onEnd: (reason) => ended(state, reason),
        },
        timing(),
      ),
      address,
      peer,
      recalls: createRecalls(options.cluster, (message) => state.session.send(message)),
      cleanups: createCleanups((message) => state.session.send(message)),
      sourceReads: createSourceReads((message) => state.session.send(message)),
      hasSaidHello: false,
      claimant: null,
      statusNumber: 0,
      inFlight: new Map(),
      figures: null,
      logs: new Map(),
    };
  };

  /** A node that is removed while it is connected. */
  const unwatch = store.watch(({ nodes }) => {
    for (const id of nodes)
      if (live.has(id) && !store.identity(id))
        live
          .get(id)
          ?.session.leave(options.farewell?.(id) ?? null, closeCodes.unknownNode, 'this node was removed');
  });

  return {
    attach: (server) => {
      server.on('upgrade', createUpgrade(options, sockets, accept));
    },
    assign: (node, assignment) => live.get(node)?.session.assign(assignment),
    heardAtMs: (node) => live.get(node)?.session.heardAtMs() ?? null,
    inFlight: (allocation) => {
      const counts = [...live].flatMap(([node, { inFlight }]) =>
        servesClients(node) ? (inFlight.get(allocation) ?? []) : [],
      );
      return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
    },
    conflict: (node) => fights.reason(node, Date.now()),
    figures: (service) =>
      [...live].flatMap(([node, { figures }]) => (servesClients(node) && figures?.get(service)) || []),
    openLogs: (node, request, signal) => {
      const state = liveOf(node);
      const id = `logs-${++streams}`;
      const stream = createLogStream(() => {
        if (state.logs.delete(id)) state.session.send({ type: 'logs-close', id });
      });
      state.logs.set(id, stream);
      signal.addEventListener('abort', () => stream.end(null), { once: true });
      state.session.send({ type: 'logs-open', id, ...request });
      return stream;
    },
    cleanup: async (node, request) => await liveOf(node).cleanups.ask(request),
    readSource: async (node, request) => await liveOf(node).sourceReads.ask(request),
    recall: async (node) => await liveOf(node).recalls.ask(RECALL_MS),
    upgrade: (node, message) => {
      const { session } = liveOf(node);
      store.write((tx) => recordAsked(tx, node, message));
      session.send(message);
    },
    relay: (node, id) => liveOf(node).session.send({ type: 'relay-open', id }),
    stop: async () => {
      unwatch();
      for (const { session } of live.values()) session.close(1001, 'the master stops');
      for (const socket of sockets.clients) socket.terminate();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      inbox.flush();
    },
  };
}
