/**
 * gRPC over HTTP/2 (grpc.io, PROTOCOL-HTTP2), both ends of it, on connections that Docker has handed over: to call BuildKit, and to be called by it. What
 * it needs and no more: no compression, no names, no second connection. (`@grpc/grpc-js` does all that, for 11 MB of every agent's memory.)
 */
import {
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Of gRPC's codes those that mean something here. */
export const OK = 0;
const CANCELLED = 1;
const UNKNOWN = 2;
export const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;

/** More than any message of BuildKit's; one that says it is larger is not waited for. */
const MAX_MESSAGE_BYTES = 64 * 1024 ** 2;
const HEAD_BYTES = 5;

export class GrpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'GrpcError';
    this.code = code;
  }

  /** The connection went away; nothing was answered. */
  get isGone(): boolean {
    return this.code === UNAVAILABLE;
  }
}

export function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Calls back for each message, however the pieces come. */
export function createFrames(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let pieces: Buffer[] = [];
  let length = 0;
  let wanted = HEAD_BYTES;
  return (chunk) => {
    pieces.push(chunk);
    length += chunk.length;
    while (length >= wanted) {
      const all = Buffer.concat(pieces, length);
      pieces = [all];
      const size = all.readUInt32BE(1);
      if (all[0] !== 0 || size > MAX_MESSAGE_BYTES)
        throw new GrpcError(UNKNOWN, `a message of ${size} bytes was refused`);
      if (length < HEAD_BYTES + size) {
        wanted = HEAD_BYTES + size;
        return;
      }
      const rest = all.subarray(HEAD_BYTES + size);
      pieces = [rest];
      length = rest.length;
      wanted = HEAD_BYTES;
      onMessage(all.subarray(HEAD_BYTES, HEAD_BYTES + size));
    }
  };
}

export interface GrpcClient {
  /** Resolves when the call has ended well; rejects with a `GrpcError`. */
  call(path: string, request: Buffer, onMessage: (message: Buffer) => void): Promise<void>;
  /** Ends what is under way. */
  close(): void;
}

export function grpcClient(socket: Socket): GrpcClient {
  const session = connect('http://docker', { createConnection: () => socket as Duplex });
  // Each call hears of it by itself.
  session.on('error', () => undefined);
  return {
    call: (path, request, onMessage) =>
      new Promise((resolve, reject) => {
        const gone = (cause?: unknown): void =>
          reject(new GrpcError(UNAVAILABLE, 'Docker ended the connection', cause));
        if (session.closed || session.destroyed) return gone();
        const stream = session.request({
          [constants.HTTP2_HEADER_METHOD]: 'POST',
          [constants.HTTP2_HEADER_PATH]: path,
          [constants.HTTP2_HEADER_TE]: 'trailers',
          [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        });
        const settle = (headers: IncomingHttpHeaders): void => {
          const status = headers['grpc-status'];
          if (status === undefined) return;
          if (Number(status) === OK) resolve();
          else reject(new GrpcError(Number(status), unescaped(String(headers['grpc-message'] ?? ''))));
        };
        const read = createFrames(onMessage);
        stream.on('response', settle);
        stream.on('trailers', settle);
        stream.on('data', (chunk: Buffer) => {
          try {
            read(chunk);
          } catch (error) {
            stream.close(constants.NGHTTP2_CANCEL);
            reject(error);
          }
        });
        stream.on('error', gone);
        stream.on('close', () => gone());
        stream.end(framed(request));
      }),
    close: () => session.destroy(),
  };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What answers a call: one message with another, or a call with as many as it likes. */
export type Answer =
  | { kind: 'one'; run(request: Buffer): Buffer | Promise<Buffer> }
  | { kind: 'many'; run(headers: IncomingHttpHeaders): AsyncIterable<Buffer> };

/** Answers Docker's calls on the connection, by their path, until it ends or is closed. */
export function serveGrpc(socket: Socket, answers: ReadonlyMap<string, Answer>): { close(): void } {
  const server = createServer();
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    void answer(stream, headers, answers.get(String(headers[':path'])));
  });
  server.emit('connection', socket);
  return { close: () => socket.destroy() };
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  found: Answer | undefined,
): Promise<void> {
  let trailers: Record<string, string> = { 'grpc-status': String(OK) };
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  try {
    if (found === undefined) throw new GrpcError(UNIMPLEMENTED, 'there is no such method here');
    const messages = found.kind === 'many' ? found.run(headers) : [await found.run(await first(stream))];
    for await (const message of messages) await write(stream, framed(message));
  } catch (error) {
    const code = error instanceof GrpcError ? error.code : UNKNOWN;
    const message = error instanceof Error ? error.message : String(error);
    trailers = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(message) };
  }
  if (!stream.destroyed) stream.end();
}

function first(stream: ServerHttp2Stream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const read = createFrames(resolve);
    stream.on('data', (chunk: Buffer) => {
      try {
        read(chunk);
      } catch (error) {
        reject(error);
      }
    });
    stream.on('end', () => reject(new GrpcError(UNKNOWN, 'the call had no message')));
    stream.on('close', () => reject(new GrpcError(CANCELLED, 'the call was given up')));
  });
}

function write(stream: ServerHttp2Stream, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const isGone = (): boolean => stream.destroyed || stream.closed;
    if (isGone()) return reject(new GrpcError(CANCELLED, 'the call was given up'));
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
