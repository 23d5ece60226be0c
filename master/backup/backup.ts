/**
 * A backup of what makes this master: the store as of one moment, the CA and the keys of the home, its token, its
 * configuration, its certificates, and the id of its own node. It is made while everything goes on, and holds every secret
 * of the cluster.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { SCHEMA } from '../store/migrations.js';
import type { Store } from '../store/store.js';
import { type ArchiveFile, FORMAT, writeArchive } from './archive.js';
import { MASTER_FILES } from './swap.js';

/** What is backed up beside the store. `agent/agent.json` names its own node: under another id its containers were nobody's. */
export const HOME_PARTS = [...MASTER_FILES, 'agent/agent.json'];

export interface BackupOptions {
  home: string;
  store: Pick<Store, 'copyTo'>;
  version: string;
  cluster: () => { id: string; name: string };
}

const PARTIAL = 'backup.partial';

/** Makes one; the copy of the store is gone when the stream has ended, however it ends. */
export async function makeBackup({ home, store, version, cluster }: BackupOptions): Promise<Readable> {
  const folder = join(home, PARTIAL, randomBytes(4).toString('hex'));
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    await store.copyTo(folder);
    const { id, name } = cluster();
    const head = {
      format: FORMAT,
      version,
      schema: SCHEMA,
      created_at: new Date().toISOString(),
      cluster_id: id,
      cluster_name: name,
    };
    const files = [
      { name: 'cluster.db/data.mdb', path: join(folder, 'data.mdb') },
      ...HOME_PARTS.flatMap((part) => filesOf(home, join(home, part))),
    ];
    return writeArchive(head, files).once('close', forget);
  } catch (error) {
    forget();
    throw error;
  }
}

/** What a master that was killed in the middle of one has left. */
export function clearBackups(home: string): void {
  rmSync(join(home, PARTIAL), { recursive: true, force: true });
}

/** Itself, or all files below it. A link counts as what it leads to while that is in the home: what is elsewhere is not Orca's to copy, and a
 *  pipe would hold a reader for ever. */
function filesOf(home: string, path: string): ArchiveFile[] {
  const real = realpathIn(realpathSync(home), path);
  if (real === null) return [];
  const found = statSync(real);
  if (found.isFile()) return [{ name: relative(home, path), path: real }];
  if (!found.isDirectory() || lstatSync(path).isSymbolicLink()) return [];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesOf(home, join(path, name)));
}

/** Null: it is not there, or leads out. */
function realpathIn(home: string, path: string): string | null {
  try {
    const real = realpathSync(path);
    return real.startsWith(`${home}${sep}`) ? real : null;
  } catch {
    return null;
  }
}
