/**
 * The agent's end of the session (see protocol.ts): connects with mutual TLS, says hello, answers assignments with a
 * receipt at once, and sends the newest status again until the master has it. Reconnects for ever with a jittered,
 * growing wait. Nothing slow happens on the read path: what comes in is handed on, and handlers return at once.
 */

import { WebSocket } from 'ws';
import { closeCodes } from '../shared/close-codes.js';
import { closeReason } from '../shared/close-reason.js';
import { messageOf } from '../shared/errors.js';
import { type Identity, type IdentityPaths, readIdentity } from '../shared/identity-files.js';
import type { Log } from '../shared/log.js';
import { pinnedName } from '../shared/pinned-name.js';
import {
  type AgentMessage,
  LIVENESS_MS,
  MAX_FRAME_BYTES,
  type MasterMessage,
  type NodeFacts,
  PROTOCOL_VERSION,
  type Status,
} from '../shared/protocol.js';
import { decodeMasterMessage, encode } from '../shared/wire.js';
import { reconnectMs, SETTLED_SESSION_MS } from './backoff.js';
import { createOutbox } from './outbox.js';

export interface LinkOptions {
  url: string;
  /** Paths of PEM files, read again at each connect: certificates are renewed. */
  credentials: IdentityPaths;
  facts: () => NodeFacts;
  revision: () => number;
  /** What there is to report now, or null; asked for when it is about to be sent. */
  status: () => Omit<Status, 'type' | 'number'> | null;
  /** What the ingress has counted so far, or null. */
  figures: () => CountedFigures | null;
  onMessage: (message: Work, reply: (message: AgentMessage) => Promise<void>) => void;
  onEnd: () => void;
  /** The master has answered a hello with more than a beat. */
  onAccepted?: () => void;
  log: Log;
  timing?: { livenessMs: number; retryMs: number };
}

export type CountedFigures = Omit<Extract<AgentMessage, { type: 'figures' }>, 'type'>;

/** What the link does not answer by itself. */
export type Work = Exclude<MasterMessage, { type: 'ping' | 'pong' | 'status-receipt' }>;

export interface Link {
  /** There may be something new to report. */
  changed(): void;
  isConnected(): boolean;
  /** Ends the session and opens another with the certificate that is in place now. */
  reconnect(): void;
  stop(): Promise<void>;
}

export function startLink(options: LinkOptions): Link {
  const { log } = options;
  const timing = options.timing ?? { livenessMs: LIVENESS_MS, retryMs: 250 };
  let socket: WebSocket | null = null;
  let timer: NodeJS.Timeout | null = null;
  let failures = 0;
  let stopped = false;

  const isOpen = (): boolean => socket?.readyState === WebSocket.OPEN;
  const outbox = createOutbox({ status: options.status, send: (m) => void send(m), isOpen });

  const send = (message: AgentMessage): Promise<void> => {
    const to = socket;
    if (!to || to.readyState !== WebSocket.OPEN) return Promise.reject(new Error('the session has ended'));
    return new Promise((resolve, reject) =>
      to.send(encode(message), (error) => (error ? reject(error) : resolve())),
    );
  };
  const say = (message: AgentMessage): void => void send(message).catch(() => undefined);

  const retry = (code: number, reason: string): void => {
    socket = null;
    outbox.stop();
    options.onEnd();
    if (stopped) return;
    failures += 1;
    const waitMs = reconnectMs(failures, patient.has(code), Math.random(), timing.retryMs);
    const todo = code === closeCodes.unknownNode ? { todo: WHEN_REMOVED } : {};
    log.warn({ code, reason, retryMs: Math.round(waitMs), ...todo }, 'no session with the master');
    timer = setTimeout(() => {
      opening = open();
    }, waitMs);
  };

  const onMessage = (message: MasterMessage): void => {
    if (message.type !== 'ping' && message.type !== 'pong') options.onAccepted?.();
    if (message.type === 'ping') say({ type: 'pong', number: message.number });
    else if (message.type === 'status-receipt') outbox.received(message.number);
    else if (message.type !== 'pong') options.onMessage(message, send);
  };

  const open = async (): Promise<void> => {
    try {
      const tls = await readIdentity(options.credentials);
      if (stopped) return;
      const made = connect(options.url, tls);
      socket = made;
      const watch = judgeSilence(made, timing.livenessMs);
      const teller = tellFigures(options.figures, say);
      let openedAtMs = Number.POSITIVE_INFINITY;
      made.on('open', () => {
        openedAtMs = performance.now();
        watch.heard();
        log.info({ url: options.url }, 'session with the master');
        const { facts, revision } = options;
        say({ type: 'hello', protocol: PROTOCOL_VERSION, facts: facts(), revision: revision() });
        outbox.start();
        teller.start();
      });
      made.on('message', (data, isBinary) => {
        // What was sent behind a frame that has cost the session.
        if (made.readyState !== WebSocket.OPEN) return;
        watch.heard();
        const decoded = isBinary ? null : decodeMasterMessage(data.toString());
        if (decoded?.ok) onMessage(decoded.message);
        else made.close(closeCodes.badMessage, closeReason(decoded?.reason ?? 'a binary frame'));
      });
      let reason = '';
      made.on('error', (error) => {
        reason = error.message;
      });
      made.once('close', (code, text) => {
        watch.stop();
        teller.stop();
        if (performance.now() - openedAtMs >= SETTLED_SESSION_MS) failures = 0;
        retry(code, text.toString() || reason || 'closed');
      });
    } catch (error) {
      retry(0, messageOf(error));
    }
  };
  let opening = open();

  return {
    changed: () => outbox.changed(),
    isConnected: isOpen,
    reconnect: () => socket?.close(1000, 'with a new certificate'),
    async stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
      outbox.stop();
      socket?.close(1001, 'the agent stops');
      socket?.terminate();
      await opening;
    },
  };
}

/** It is not for an agent to stop what it was never told to. */
const WHEN_REMOVED =
  'what Orca runs on this host goes on: join it again (`orca join`), or take Orca away with its containers (HOME/program/install.sh --uninstall)';

/** After these the master will say the same again soon; trying often would only be a fight. */
const patient: ReadonlySet<number> = new Set([
  closeCodes.notAuthorized,
  closeCodes.unknownNode,
  closeCodes.certificateExpired,
  closeCodes.cloned,
  closeCodes.replaced,
  closeCodes.versionMismatch,
]);

function connect(url: string, tls: Identity): WebSocket {
  const limits = { handshakeTimeout: 10_000, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false };
  return new WebSocket(url, {
    ...{ ...tls, ...pinnedName(new URL(url).hostname) },
    ...{ minVersion: 'TLSv1.2', ...limits },
  });
}

const FIGURES_MS = 1_000;

/** Figures are counted up and complete: they are said when they have changed, and on each new session from the start. */
function tellFigures(
  figures: () => CountedFigures | null,
  say: (message: AgentMessage) => void,
): { start(): void; stop(): void } {
  let timer: NodeJS.Timeout | null = null;
  let said = '';
  const tell = (): void => {
    const counted = figures();
    const json = JSON.stringify(counted);
    if (counted === null || json === said) return;
    said = json;
    say({ type: 'figures', ...counted });
  };
  return {
    start() {
      tell();
      timer = setInterval(tell, FIGURES_MS);
    },
    stop() {
      if (timer) clearInterval(timer);
    },
  };
}

/** Cuts a session on which nothing was heard for too long: the master pings on the channel that carries the work. */
function judgeSilence(socket: WebSocket, livenessMs: number): { heard(): void; stop(): void } {
  const silence = setTimeout(() => socket.terminate(), livenessMs);
  return {
    heard: () => void silence.refresh(),
    stop: () => clearTimeout(silence),
  };
}
