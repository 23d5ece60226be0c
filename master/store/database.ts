/**
 * LMDB, and nothing but LMDB: the only file that imports it. Opens the environment, hands out tables of JSON values
 * under string keys, and runs one synchronous transaction at a time, on disk before `transaction` returns.
 *
 * Promises: a transaction that throws, or that finds no room on the disk, has changed nothing.
 */
import { type Database, open, type RootDatabase } from 'lmdb';
import { messageOf, OrcaError } from '../../shared/errors.js';

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
  close(): Promise<void>;
}

/** Opens (or creates) the environment in the folder `path`. Throws STORE_FULL when the disk has no room for it. */
export function openEnvironment(path: string, options: { mapSize?: number } = {}): Environment {
  const root = guarded(() =>
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
    table: <V>(name: string) => openTable<V>(root, name),
    transaction: (body) => guarded(() => root.transactionSync(body)),
    close: () => root.close(),
  };
}

function openTable<V>(root: RootDatabase, name: string): Table<V> {
  const database: Database<V, string> = guarded(() => root.openDB<V, string>({ name, encoding: 'json' }));
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

/** ENOSPC is 28 in lmdb-js's errors; MDB_MAP_FULL is -30792 (lmdb.h). */
function guarded<T>(body: () => T): T {
  try {
    return body();
  } catch (cause) {
    const code = (cause as { code?: unknown }).code;
    if (
      code === 28 ||
      code === 'ENOSPC' ||
      code === -30792 ||
      /MDB_MAP_FULL|No space left/.test(messageOf(cause))
    )
      throw new OrcaError('STORE_FULL', 'the store has no room for the change', { cause });
    throw cause;
  }
}
