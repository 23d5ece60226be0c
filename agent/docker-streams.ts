/** PURE but for the streams they read: lines of Docker's JSON streams, and its multiplexed log frames taken apart. */
import { StringDecoder } from 'node:string_decoder';
import type { LogLine } from '../shared/protocol.js';

/** Longer lines are cut, so that a frame of the session stays bounded. */
const MAX_LINE_CHARS = 8_192;

/** Parses newline-delimited JSON; lines that are not JSON are dropped. */
export async function* jsonLines(stream: AsyncIterable<Buffer>): AsyncGenerator<Record<string, unknown>> {
  for await (const line of textLines(stream)) {
    try {
      yield JSON.parse(line) as Record<string, unknown>;
    } catch {
      // A line cut by the end of the stream.
    }
  }
}

async function* textLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part.trim() !== '');
  }
  if (rest.trim() !== '') yield rest;
}

/**
 * Docker's log stream of a container without a terminal: frames of 8 bytes (stream, 0, 0, 0, length) and payload, each
 * line with its RFC 3339 time in front (`timestamps=true`).
 */
export async function* logLines(stream: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const rests = { stdout: '', stderr: '' };
  for await (const { name, text } of frames(stream)) {
    const parts = (rests[name] + text).split('\n');
    rests[name] = (parts.pop() ?? '').slice(0, 4 * MAX_LINE_CHARS);
    yield* parts.map((part) => toLogLine(name, part));
  }
  for (const name of ['stdout', 'stderr'] as const) {
    if (rests[name] !== '') yield toLogLine(name, rests[name]);
  }
}

/** The bytes of both streams in order, as text: what a command printed. */
export async function outputText(stream: AsyncIterable<Buffer>, maxChars: number): Promise<string> {
  let output = '';
  for await (const { text } of frames(stream)) {
    if (output.length < maxChars) output += text;
  }
  return output.slice(0, maxChars);
}

async function* frames(
  stream: AsyncIterable<Buffer>,
): AsyncGenerator<{ name: 'stdout' | 'stderr'; text: string }> {
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  let buffer: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    while (buffer.length >= 8) {
      const length = buffer.readUInt32BE(4);
      if (buffer.length < 8 + length) break;
      const name = buffer[0] === 2 ? 'stderr' : 'stdout';
      yield { name, text: decoders[name].write(buffer.subarray(8, 8 + length)) };
      buffer = buffer.subarray(8 + length);
    }
  }
}

function toLogLine(stream: 'stdout' | 'stderr', line: string): LogLine {
  const space = line.indexOf(' ');
  const atMs = Date.parse(line.slice(0, space));
  const known = Number.isFinite(atMs);
  const text = (known ? line.slice(space + 1) : line).replace(/\r$/, '').slice(0, MAX_LINE_CHARS);
  return { atMs: known ? atMs : 0, stream, text };
}
