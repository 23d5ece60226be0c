/**
 * One live connection of one agent: decodes, answers pings, judges silence on the same channel that carries the work,
 * keeps at most one assignment in the socket (the newest waits behind it), and is cut when the agent reads too slowly.
 * It decides nothing: what comes in is handed to its handlers.
 */
import type { WebSocket } from 'ws';
import { closeCodes } from '../../shared/close-codes.js';
import { closeReason } from '../../shared/close-reason.js';
import {
  type AgentMessage,
  type Assignment,
  HEARTBEAT_MS,
  LIVENESS_MS,
  MAX_FRAME_BYTES,
  type MasterMessage,
} from '../../shared/protocol.js';
import { decodeAgentMessage, encode } from '../../shared/wire.js';

export interface Session {
  node: string;
  /** When anything was last heard, ms since the epoch. */
  heardAtMs(): number;
  send(message: MasterMessage): void;
  /** Sends the assignment, or keeps it until the one before has left; an older waiting one is dropped. */
  assign(assignment: Assignment): void;
  close(code: number, reason: string): void;
  /** Closes it behind a last assignment, whatever was to be sent before. */
  leave(last: Assignment | null, code: number, reason: string): void;
  /** It was closed here: what was said behind that counts for nothing. */
  isClosed(): boolean;
}

export interface SessionHandlers {
  onMessage(message: AgentMessage): void;
  onEnd(reason: string): void;
}

/** As long as an answer to a close may take. */
const CLOSE_MS = 1_000;
/** Whoever was silent for so long is hardly going to answer the close. */
const SILENT_CLOSE_MS = 100;
/** RFC 6455, 7.1.5: no close was received. */
const NO_CLOSE = 1006;
/** Beyond this the agent has stopped reading: the session is cut, and it starts again from the newest assignment. */
const MAX_BUFFERED_BYTES = 2 * MAX_FRAME_BYTES;

export function createSession(
  socket: WebSocket,
  node: string,
  handlers: SessionHandlers,
  timing = { heartbeatMs: HEARTBEAT_MS, livenessMs: LIVENESS_MS },
): Session {
  let heardAtMs = Date.now();
  let pings = 0;
  let isAssigning = false;
  let isClosed = false;
  /** Why it was closed here: who is silent echoes nothing. */
  let why = '';
  let nextAssignment: Assignment | null = null;

  const send = (message: MasterMessage, sent?: () => void): void => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate();
    else socket.send(encode(message), () => sent?.());
  };
  const assign = (assignment: Assignment): void => {
    if (isAssigning) {
      nextAssignment = assignment;
      return;
    }
    isAssigning = true;
    send(assignment, () => {
      isAssigning = false;
      const next = nextAssignment;
      nextAssignment = null;
      if (next) assign(next);
    });
  };
  const close = (code: number, reason: string, answerMs = CLOSE_MS): void => {
    if (socket.readyState !== socket.OPEN) return;
    isClosed = true;
    why ||= reason;
    socket.close(code, closeReason(reason));
    endSoon(answerMs);
  };
  const leave = (last: Assignment | null, code: number, reason: string): void => {
    nextAssignment = null;
    if (last) send(last);
    close(code, reason);
  };
  /** An agent that is gone never answers a close; it must not keep the socket. */
  const endSoon = (answerMs: number): void => void setTimeout(() => socket.terminate(), answerMs).unref();
  const receive = (text: string): void => {
    heardAtMs = Date.now();
    silence.refresh();
    const decoded = decodeAgentMessage(text);
    if (!decoded.ok) close(closeCodes.badMessage, decoded.reason);
    else if (decoded.message.type === 'ping') send({ type: 'pong', number: decoded.message.number });
    else if (decoded.message.type !== 'pong') handlers.onMessage(decoded.message);
  };
  const heartbeat = setInterval(() => send({ type: 'ping', number: ++pings }), timing.heartbeatMs);
  // A time of its own: judged at the next ping, a node would be missed up to a heartbeat late.
  const silence = setTimeout(
    () => close(closeCodes.silent, 'nothing was heard for too long', SILENT_CLOSE_MS),
    timing.livenessMs,
  );

  socket.on('message', (data, isBinary) => {
    // What was sent behind a frame that has cost the session.
    if (socket.readyState !== socket.OPEN) return;
    if (isBinary) close(closeCodes.badMessage, 'a binary frame');
    else receive(data.toString());
  });
  // Of a frame that is none: the close with its code (1002, 1007, 1009) is on its way.
  socket.on('error', () => endSoon(CLOSE_MS));
  socket.once('close', (code, reason) => {
    clearInterval(heartbeat);
    clearTimeout(silence);
    handlers.onEnd(
      reason.toString() || why || (code === NO_CLOSE ? 'the connection broke off' : `closed with ${code}`),
    );
  });
  return { node, heardAtMs: () => heardAtMs, send, assign, close, leave, isClosed: () => isClosed };
}
