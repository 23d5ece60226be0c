/**
 * The archive of a backup: a tar whose first entry says what it is and whose last one holds the checksums of all others, so
 * that one that was cut short is never taken for whole. Written and read as a stream, no file in memory.
 *
 * Promises: `readArchive` resolves only after every byte was checked; until then nothing it has handed out may be used.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Pack, pack } from 'tar-stream';
import * as z from 'zod';
import { messageOf, OrcaError } from '../../shared/errors.js';

/** The format of the archive itself; raised when an older Orca could not read it. */
export const FORMAT = 1;

const HEAD = 'orca-backup.json';
const CHECKSUMS = 'checksums.json';
/** The head and the checksums are read into memory. */
const MAX_TEXT_BYTES = 1024 * 1024;

export const headSchema = z.object({
  format: z.number().int(),
  version: z.string(),
  schema: z.number().int(),
  created_at: z.string(),
  cluster_id: z.string(),
  cluster_name: z.string(),
});
export type BackupHead = z.infer<typeof headSchema>;

const checksumsSchema = z.record(z.string(), z.string());

/** A file on disk under the name that it has in the home. */
export interface ArchiveFile {
  name: string;
  path: string;
}

/** The archive as bytes; ends with an error when a file can't be read. */
export function writeArchive(head: BackupHead, files: readonly ArchiveFile[]): Readable {
  const tar = pack();
  const out = new PassThrough();
  const fail = (error: unknown): void => void out.destroy(error as Error);
  pipeline(tar as unknown as Readable, out).catch(fail);
  putAll(tar, head, files).catch((error: unknown) => {
    fail(error);
    tar.destroy();
  });
  return out;
}

async function putAll(tar: Pack, head: BackupHead, files: readonly ArchiveFile[]): Promise<void> {
  const sums: Record<string, string> = {};
  const putText = (name: string, text: string): void => {
    sums[name] = createHash('sha256').update(text).digest('hex');
    tar.entry({ name, mode: 0o600 }, text);
  };
  putText(HEAD, JSON.stringify(head, null, 2));
  for (const { name, path } of files) {
    const hash = createHash('sha256');
    const entry = tar.entry({ name, size: statSync(path).size, mode: 0o600 });
    const source = createReadStream(path).on('data', (chunk) => hash.update(chunk));
    await pipeline(source, entry as unknown as NodeJS.WritableStream);
    sums[name] = hash.digest('hex');
  }
  const { [CHECKSUMS]: _, ...all } = sums;
  putText(CHECKSUMS, JSON.stringify(all, null, 2));
  tar.finalize();
}

/** Where a file of the archive goes; null refuses it. */
export type Sink = (name: string) => NodeJS.WritableStream | null;

/**
 * Reads the whole of it, each file into what `open` gives, and checks it. `onHead` may refuse before anything else is read.
 * Throws BACKUP_INVALID for what is no backup, cut short, damaged, or of a later format.
 */
export async function readArchive(
  source: Readable,
  onHead: (head: BackupHead) => void,
  open: Sink,
): Promise<BackupHead> {
  const tar = extract();
  const seen: Record<string, string> = {};
  let head: BackupHead | null = null;
  let sums: Record<string, string> | null = null;
  const feeding = pipeline(source, tar as unknown as NodeJS.WritableStream);
  feeding.catch(() => undefined);
  try {
    for await (const entry of tar) {
      const { name, type } = entry.header;
      if (type !== 'file') throw invalid(`it holds ${JSON.stringify(name)}, which is no file`);
      if (sums !== null) throw invalid('something follows its checksums');
      const bytes = entry as unknown as Readable;
      const hash = createHash('sha256');
      if (name === CHECKSUMS) sums = parsed(checksumsSchema, await textOf(bytes), 'its checksums');
      else if (head === null) head = await readHead(name, bytes, hash, onHead);
      else await copy(name, bytes, hash, open);
      if (name !== CHECKSUMS) seen[name] = hash.digest('hex');
    }
    await feeding;
  } catch (error) {
    source.destroy();
    throw explained(error);
  }
  if (head === null) throw invalid('it is empty');
  if (sums === null) throw invalid('it was cut short');
  compare(seen, sums);
  return head;
}

async function readHead(
  name: string,
  bytes: Readable,
  hash: ReturnType<typeof createHash>,
  onHead: (head: BackupHead) => void,
): Promise<BackupHead> {
  if (name !== HEAD) throw invalid('it is another kind of archive');
  const text = await textOf(bytes);
  hash.update(text);
  const head = parsed(headSchema, text, 'its head');
  if (head.format > FORMAT)
    throw invalid(`it has format ${head.format}, of Orca ${head.version}; this Orca knows up to ${FORMAT}`);
  onHead(head);
  return head;
}

async function copy(
  name: string,
  bytes: Readable,
  hash: ReturnType<typeof createHash>,
  open: Sink,
): Promise<void> {
  const sink = open(name);
  if (sink === null) throw invalid(`it holds ${JSON.stringify(name)}, which is no part of a home`);
  await pipeline(async function* () {
    for await (const chunk of bytes) {
      hash.update(chunk as Buffer);
      yield chunk as Buffer;
    }
  }, sink);
}

function compare(seen: Record<string, string>, sums: Record<string, string>): void {
  const missing = Object.keys(sums).find((name) => seen[name] === undefined);
  if (missing !== undefined) throw invalid(`${missing} is missing from it`);
  const damaged = Object.keys(seen).find((name) => seen[name] !== sums[name]);
  if (damaged !== undefined) throw invalid(`${damaged} in it is damaged: its checksum is another one`);
}

async function textOf(bytes: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += (chunk as Buffer).length;
    if (size > MAX_TEXT_BYTES) throw invalid('it is another kind of archive');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed<T>(schema: z.ZodType<T>, text: string, what: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw invalid(`${what} can't be read`, cause);
  }
}

/** What a disk says is said as it is; anything else is about what was read. */
function explained(error: unknown): unknown {
  if (error instanceof OrcaError) return error;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (code === 'ENOSPC')
    return new OrcaError('STORE_FULL', `there is no room for what the backup holds`, { cause: error });
  return syscall === undefined ? invalid(messageOf(error), error) : error;
}

const invalid = (why: string, cause?: unknown): OrcaError =>
  new OrcaError('BACKUP_INVALID', `this is no whole backup of Orca: ${why}`, { cause });
