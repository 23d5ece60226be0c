/**
 * `orca backup FILE`: the state of the master in one file, taken while it runs. The file is the caller's alone (0600), takes its
 * name only when all of it is there and was checked, and replaces another only with --force.
 */
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { backupParts } from '../backups.js';
import type { Client } from '../client.js';
import type { Context } from '../context.js';

export async function backup(context: Context): Promise<number> {
  const [wanted = ''] = context.args;
  const { io, output } = context;
  const client = await context.connect();
  if (wanted === '-') {
    for await (const bytes of client.bytes('/backup')) await io.outBytes(bytes);
    return 0;
  }
  const path = resolve(io.cwd, wanted);
  if (existsSync(path) && context.options.force !== true)
    throw new OrcaError('USAGE', `${path} is there already`, {
      hint: 'Name another file, or replace it with --force; it was not touched.',
    });
  const { size, made } = await fetched(client, path);
  output.line(`${path}: the state of ${made.cluster_name} at ${made.created_at}, ${kib(size)}`);
  output.note('it holds every secret of the cluster: keep it as you would keep the home');
  return 0;
}

/** Under another name until it is whole. */
async function fetched(client: Client, path: string) {
  const draft = `${path}.partial`;
  const file = await created(draft);
  try {
    const size = await filled(file, client);
    const made = await (await backupParts()).checkBackup(createReadStream(draft));
    await rename(draft, path);
    return { size, made };
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** One that was left behind is not written into: somebody else may have it open. */
async function created(path: string): Promise<FileHandle> {
  try {
    await rm(path, { force: true });
    return await open(path, 'wx', 0o600);
  } catch (cause) {
    throw new OrcaError('USAGE', `${path} can't be written: ${messageOf(cause)}`, { cause });
  }
}

async function filled(file: FileHandle, client: Client): Promise<number> {
  let size = 0;
  try {
    for await (const bytes of client.bytes('/backup')) {
      await file.writeFile(bytes);
      size += bytes.length;
    }
    await file.sync();
    return size;
  } finally {
    await file.close();
  }
}

const kib = (bytes: number): string => `${Math.ceil(bytes / 1_024)} KiB`;
