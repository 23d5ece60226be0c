/**
 * WebSocket frames by hand (RFC 6455 5.2), for tests that send what no library would: `frame` makes any bytes that look like
 * one, `openRaw` is a client's end after a real upgrade over mutual TLS, and `rawEnd` the same of a socket that is there.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect, type SecureContext } from 'node:tls';

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameShape {
  opcode?: number;
  isLast?: boolean;
  /** Bits 4 to 6 of the first byte, which mean nothing without an extension. */
  reserved?: number;
  isMasked: boolean;
  /** What the header says, whatever follows. */
  claimedBytes?: bigint;
}

export function frame(payload: Buffer, shape: FrameShape): Buffer {
  const { opcode = opcodes.text, isLast = true, reserved = 0, isMasked } = shape;
  const length = shape.claimedBytes ?? BigInt(payload.length);
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = isMasked ? 0x80 : 0;
  const head =
    length < 126n ? [first, mask | Number(length)] : [first, mask | (length < 65_536n ? 126 : 127)];
  const size = Buffer.alloc(length < 126n ? 0 : length < 65_536n ? 2 : 8);
  if (size.length === 2) size.writeUInt16BE(Number(length));
  if (size.length === 8) size.writeBigUInt64BE(length);
  // A key of zeroes masks nothing, and is a key.
  return Buffer.concat([Buffer.from(head), size, Buffer.alloc(isMasked ? 4 : 0), payload]);
}

/** The other side of a conversation by hand. */
export interface RawEnd {
  write(bytes: Buffer): void;
  /** Text messages that came, since the last call. */
  texts(): string[];
  /** The code that the other side closed with; 1005: a close without one; 1006: it only went away. */
  closed(): number | null;
  isGone(): boolean;
  /** Resolves at the next thing that comes. */
  news(): Promise<void>;
  /** Says no more, and waits for what the other side still has to say. */
  end(): void;
  destroy(): void;
}

export function rawEnd(socket: Duplex, head: Buffer): RawEnd {
  let pending = head;
  let texts: string[] = [];
  let code: number | null = null;
  let isGone = false;
  let wake: () => void = () => undefined;
  let next = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const tell = (): void => {
    wake();
    next = new Promise<void>((resolve) => {
      wake = resolve;
    });
  };
  const read = (): void => {
    for (let one = firstFrame(pending); one; one = firstFrame(pending)) {
      pending = pending.subarray(one.bytes);
      if (one.opcode === opcodes.text) texts.push(one.payload.toString());
      if (one.opcode === opcodes.close) code ??= one.payload.length < 2 ? 1_005 : one.payload.readUInt16BE(0);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    read();
    tell();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isGone = true;
    code ??= 1_006;
    tell();
  });
  read();
  return {
    write: (bytes) => void socket.write(bytes),
    texts() {
      const before = texts;
      texts = [];
      return before;
    },
    closed: () => code,
    isGone: () => isGone,
    news: () => next,
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

export interface RawOptions {
  port: number;
  path: string;
  /** CA, certificate and key, read once for many connections. */
  secureContext: SecureContext;
}

/** Throws what was answered when that is no upgrade. */
export async function openRaw({ port, path, ...tls }: RawOptions): Promise<RawEnd> {
  const socket = connect({ host: '127.0.0.1', port, ...tls });
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  const key = randomBytes(16).toString('base64');
  const lines = ['Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  socket.write([`GET ${path} HTTP/1.1`, ...lines, `Sec-WebSocket-Key: ${key}`, '', ''].join('\r\n'));
  let answer = Buffer.alloc(0);
  while (!answer.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    answer = Buffer.concat([answer, chunk]);
  }
  const end = answer.indexOf('\r\n\r\n') + 4;
  const status = answer.subarray(0, end).toString();
  if (!status.startsWith('HTTP/1.1 101')) throw new Error(status);
  return rawEnd(socket, answer.subarray(end));
}

/** Of what the programs send: nothing masked by a server, everything by a client. */
function firstFrame(bytes: Buffer): { opcode: number; payload: Buffer; bytes: number } | null {
  if (bytes.length < 2) return null;
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const sizeBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const isMasked = (second & 0x80) !== 0;
  const start = 2 + sizeBytes + (isMasked ? 4 : 0);
  if (bytes.length < start) return null;
  const length =
    sizeBytes === 0 ? short : sizeBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + length) return null;
  const payload = Buffer.from(bytes.subarray(start, start + length));
  if (isMasked)
    for (let at = 0; at < length; at += 1)
      payload[at] = (payload[at] ?? 0) ^ (bytes[start - 4 + (at % 4)] ?? 0);
  return { opcode: first & 0x0f, payload, bytes: start + length };
}
