/**
 * The only truth of the master. One writer, one synchronous transaction per decision, on disk before `write` returns;
 * watchers hear after the commit what changed. Refuses a store of a newer schema (STORE_TOO_NEW), and when the disk is
 * full (STORE_FULL) nothing has changed.
 *
 * The store also keeps which services and nodes changed since they were last planned: everything when it is opened,
 * then what each commit touched. That set needs no record on disk, because opening fills it.
 */
import { openEnvironment } from './database.js';
import { migrate } from './migrations.js';
import { createReader, type Reader } from './reader.js';
import { openTables } from './tables.js';
import { type Changes, createTransaction, noChanges, type Transaction } from './transaction.js';

export interface Store extends Reader {
  /** Runs `body` in one transaction and returns its answer; if it throws, nothing has changed. */
  write<T>(body: (tx: Transaction) => T): T;
  /** Calls the listener after each commit that changed something; returns the way to stop it. */
  watch(listener: (changes: Changes) => void): () => void;
  /** What changed since it was last planned; the planner takes keys out as it plans them. */
  readonly dirty: { services: Set<string>; nodes: Set<string> };
  /** Marks everything as changed: the full pass of the slow timer goes through the same code. */
  markAll(): void;
  close(): Promise<void>;
}

export interface StoreOptions {
  mapSize?: number;
  /** Called after the n-th commit (from 1) since opening, before anybody hears of it: tests die here. */
  onCommit?: (n: number) => void;
}

/** Opens the store in the folder `path`, creating or migrating it. */
export function openStore(path: string, options: StoreOptions = {}): Store {
  const env = openEnvironment(path, options);
  const tables = openTables(env);
  migrate(env, tables);
  const reader = createReader(tables);
  const listeners = new Set<(changes: Changes) => void>();
  const dirty = { services: new Set<string>(), nodes: new Set<string>() };
  let commits = 0;

  const publish = (changes: Changes): void => {
    for (const key of changes.services) dirty.services.add(key);
    for (const id of changes.nodes) dirty.nodes.add(id);
    for (const listener of listeners) listener(changes);
  };
  const markAll = (): void => {
    for (const key of reader.serviceKeys()) dirty.services.add(key);
    for (const node of reader.nodes()) dirty.nodes.add(node.id);
  };
  markAll();
  return {
    ...reader,
    dirty,
    markAll,
    write(body) {
      const changes = noChanges();
      const answer = env.transaction(() => body(createTransaction(tables, changes)));
      if (changes.any) options.onCommit?.(++commits);
      if (changes.any || changes.services.size > 0) publish(changes);
      return answer;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => env.close(),
  };
}
