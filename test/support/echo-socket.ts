/**
 * A WebSocket echo server without a library (RFC 6455), so that the test app is a few files that any Node runs. It answers
 * text frames of up to 125 bytes with the same text, pings with pongs, and a close with a close. No fragments.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** Completes the handshake on `socket` and echoes until either side closes. */
export function acceptEcho(request: IncomingMessage, socket: Duplex, release: string, host: string): void {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Accept: ${accept}\r\nx-release: ${release}\r\nx-host: ${host}\r\n\r\n`,
  );
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = answerFrames(Buffer.concat([pending, chunk]), socket);
  });
  socket.on('error', () => socket.destroy());
}

/** Answers every whole frame of `buffer`; what is left of it is returned. */
function answerFrames(buffer: Buffer, socket: Duplex): Buffer {
  let rest = buffer;
  while (rest.length >= 6) {
    const opcode = (rest[0] ?? 0) & 0x0f;
    const length = (rest[1] ?? 0) & 0x7f;
    if (length > 125 || rest.length < 6 + length) return rest;
    const mask = rest.subarray(2, 6);
    const payload = Buffer.from(rest.subarray(6, 6 + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
    const answer = opcode === 0x9 ? 0xa : opcode;
    socket.write(Buffer.concat([Buffer.from([0x80 | answer, payload.length]), payload]));
    if (opcode === 0x8) socket.end();
    rest = rest.subarray(6 + length);
  }
  return rest;
}
