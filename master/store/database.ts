/**
 * LMDB, and nothing but LMDB: the only file that imports it. Opens the environment, hands out tables of JSON values
 * under string keys, and runs one synchronous transaction at a time, on disk before `transaction` returns.
 *
 * Promises: a transaction that throws, or that finds no room on the disk, has changed nothing.
 */
import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { OrcaError } from '../../shared/errors.js';

/** A table of plain data under string keys; iteration is in the order of the keys. */
export interface Table<V> {
  get(key: string): V | undefined;
  put(key: string, value: V): void;
  remove(key: string): void;
  values(prefix?: string): V[];
  /** The newest `limit` values (greatest keys) under the prefix, greatest first. */
  last(prefix: string, limit: number): V[];
  keys(prefix?: string): string[];
}

export interface Environment {
  table<V>(name: string): Table<V>;
  transaction<T>(body: () => T): T;
  /** Bytes that are left on the disk it is on. */
  freeBytes(): number;
  /** A copy as of one moment, while writes go on; `folder` is there and empty. Throws STORE_FULL. */
  copyTo(folder: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens (or creates) the environment in the folder `path`. Throws STORE_FULL when the disk has no room for it. */
export function openEnvironment(path: string, options: { mapSize?: number } = {}): Environment {
  refuseFull(path);
  const root = guarded(dirname(path), () =>
    open({
      path,
      encoding: 'json',
      noSubdir: false,
      maxDbs: 32,
      // Commit and flush together: what is decided is on disk before it is acted on.
      overlappingSync: false,
      ...(options.mapSize === undefined ? {} : { mapSize: options.mapSize }),
    }),
  );
  return {
    table: <V>(name: string) => openTable<V>(root, path, name),
    transaction: (body) => guarded(path, () => root.transactionSync(body)),
    freeBytes: () => freeBytes(dirname(path)),
    copyTo: async (folder) => {
      await root.backup(folder, true).catch((cause: unknown) => guarded(folder, () => raise(cause)));
    },
    close: () => root.close(),
  };
}

function raise(cause: unknown): never {
  throw cause;
}

/** LMDB maps its lock file before it has room: on a full disk the first touch of it would end the process (SIGBUS). */
function refuseFull(path: string): void {
  if (existsSync(join(path, 'lock.mdb'))) return;
  if (freeBytes(dirname(path)) < FIRST_BYTES)
    throw new OrcaError('STORE_FULL', 'the store has no room to be made');
}

function openTable<V>(root: RootDatabase, path: string, name: string): Table<V> {
  const database: Database<V, string> = guarded(path, () =>
    root.openDB<V, string>({ name, encoding: 'json' }),
  );
  return {
    get: (key) => database.get(key),
    put: (key, value) => database.putSync(key, value),
    remove: (key) => {
      database.removeSync(key);
    },
    values: (prefix = '') => Array.from(database.getRange(under(prefix)), ({ value }) => value),
    last: (prefix, limit) =>
      Array.from(
        database.getRange({ start: `${prefix}\uffff`, end: prefix, reverse: true, limit }),
        ({ value }) => value,
      ),
    keys: (prefix = '') => Array.from(database.getKeys(under(prefix))),
  };
}

const under = (prefix: string): { start: string; end: string } => ({ start: prefix, end: `${prefix}\uffff` });

/** More than an empty store takes. */
const FIRST_BYTES = 256 * 1024;

/** Less than this left is a full disk: LMDB's write may need several pages at once. */
const FULL_BELOW_BYTES = 4 * 1024 * 1024;

function guarded<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (isFull(path, cause))
      throw new OrcaError('STORE_FULL', 'the store has no room for the change', { cause });
    throw cause;
  }
}

/**
 * ENOSPC is 28 in lmdb-js's errors and MDB_MAP_FULL -30792 (lmdb.h). A write that the disk took only half of is EIO (5)
 * in LMDB's mdb.c ("short write, filesystem full?"): then the disk is asked.
 */
function isFull(path: string, cause: unknown): boolean {
  const { code } = cause as { code?: unknown };
  if (code === 28 || code === 'ENOSPC' || code === -30792) return true;
  if (code !== 5) return false;
  return freeBytes(path) < FULL_BELOW_BYTES;
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
