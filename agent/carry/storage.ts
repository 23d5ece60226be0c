/**
 * What the node keeps on disk of the images that it serves: a copy, made when somebody asks and cheap to make again. Whatever no
 * kept release needs goes when the registry has nothing to do; and all of it, when it is larger than it may be.
 */
import { execFile } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type CarryPaths, REGISTRY_PROGRAM } from './registry-process.js';

export const MAX_STORE_BYTES = 20 * 1024 ** 3;
const SWEEP_MS = 10 * 60_000;
const run = promisify(execFile);

/** Only while no registry runs on it. `kept`: hex of the images that may be asked for. Answers what was removed, in words; null: nothing. */
export async function sweep(
  paths: CarryPaths,
  kept: ReadonlySet<string>,
  maxBytes = MAX_STORE_BYTES,
): Promise<string | null> {
  const repositories = join(paths.store, 'docker', 'registry', 'v2', 'repositories', 'img');
  const images = foldersIn(repositories);
  for (const hex of images) rmSync(join(repositories, hex, '_uploads'), { recursive: true, force: true });
  const idle = images.filter((hex) => !kept.has(hex));
  for (const hex of idle) rmSync(join(repositories, hex), { recursive: true, force: true });
  if (idle.length > 0) await dropBlobs(paths);
  const bytes = await sizeOf(paths.store);
  if (bytes > maxBytes || (images.length === idle.length && bytes > 0)) {
    rmSync(paths.store, { recursive: true, force: true });
    return `${images.length} images, all of them`;
  }
  return idle.length === 0 ? null : `${idle.length} images that no release needs`;
}

/** The registry's own collector: blobs that no manifest refers to. */
async function dropBlobs({ config }: CarryPaths): Promise<void> {
  await run(REGISTRY_PROGRAM, ['garbage-collect', config], { timeout: SWEEP_MS, maxBuffer: 64 * 1024 ** 2 });
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  } catch {
    // It is not there, or goes at this moment.
  }
  return bytes;
}
