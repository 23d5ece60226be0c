/**
 * The only truth of the master. One writer, one synchronous transaction per decision, on disk before `write` returns;
 * decisions that are taken together are on disk together (`batch`); watchers hear after the commit what changed. Refuses a store of a newer schema (STORE_TOO_NEW), and when the disk is
 * full (STORE_FULL) nothing has changed.
 *
 * The store also keeps which services and nodes changed since they were last planned. That set needs no record on disk, because a
 * new master looks at everything.
 */

import { OrcaError } from '../../shared/errors.js';
import { type AuditSeal, createAuditSeal, type Sealer } from './audit-seal.js';
import { openEnvironment } from './database.js';
import { migrate } from './migrations.js';
import { createReader, type Reader } from './reader.js';
import { openTables } from './tables.js';
import { addChanges, type Changes, createTransaction, noChanges, type Transaction } from './transaction.js';

export interface Store extends Reader {
  /** Runs `body` in one transaction and returns its answer; if it throws, nothing has changed. */
  write<T>(body: (tx: Transaction) => T): T;
  /**
   * Runs `body`, whose writes are one commit: all on disk when it returns, and none if it throws. A write in it that throws is
   * undone alone. It reads what it has written; who watches hears of all at the end.
   */
  batch<T>(body: () => T): T;
  /** What the disk's last room is kept for: refuses a new request (STORE_FULL) that could be stored, but not carried out. */
  requireRoom(): void;
  /** Why decisions and reports can't be stored now; null: they can. */
  problem(): string | null;
  /** Calls the listener after each commit that changed something; returns the way to stop it. */
  watch(listener: (changes: Changes) => void): () => void;
  /** For what is kept in memory of the store: calls the listener as soon as a read would find another answer, within a batch too. */
  follow(listener: (changes: Changes) => void): void;
  /** Calls `also` at the end of each write, or batch of them, that changed something, in its transaction: what it writes is one with that. */
  alongside(also: (tx: Transaction, changes: Changes) => void): void;
  /** Seals both ends of the audit trail from now on; `isFirst`: an earlier version sealed nothing. */
  sealAudit(sealer: Sealer, isFirst: boolean): void;
  /** Whether they are where they were sealed. */
  isAuditSealed: AuditSeal['isWhole'];
  isAuditAnew: AuditSeal['isAnew'];
  /** What changed since it was last planned; the planner takes keys out as it plans them. */
  readonly dirty: { services: Set<string>; nodes: Set<string> };
  /** Marks everything as changed. */
  markAll(): void;
  /** Writes a consistent copy into an empty folder, while everything goes on. Throws STORE_FULL. */
  copyTo(folder: string): Promise<void>;
  close(): Promise<void>;
}

export interface StoreOptions {
  mapSize?: number;
  /** Called after the n-th commit (from 1) since opening, before anybody hears of it: tests die here. */
  onCommit?: (n: number) => void;
}

/** What decisions and reports of a while take; freed pages are used again. */
const RESERVED_BYTES = 512 * 1024;

/** Opens the store in the folder `path`, creating or migrating it. */
export function openStore(path: string, options: StoreOptions = {}): Store {
  const env = openEnvironment(path, options);
  const tables = openTables(env);
  migrate(env, tables);
  const reader = createReader(tables);
  const listeners = new Set<(changes: Changes) => void>();
  const followers = new Set<(changes: Changes) => void>();
  const companions = new Set<(tx: Transaction, changes: Changes) => void>();
  const dirty = { services: new Set<string>(), nodes: new Set<string>() };
  const auditSeal = createAuditSeal(tables);
  let commits = 0;
  let isFull = false;

  /** What the open batch has changed. */
  let group: Changes | null = null;

  const tell = (to: ReadonlySet<(changes: Changes) => void>, changes: Changes): void => {
    for (const listener of to) listener(changes);
  };
  const commit = <T>(changes: Changes, body: () => T): T => {
    let answer: T;
    try {
      answer = env.transaction(body);
      isFull = false;
    } catch (error) {
      if (error instanceof OrcaError && error.code === 'STORE_FULL') isFull = true;
      tell(followers, changes);
      throw error;
    } finally {
      group = null;
    }
    if (changes.any) options.onCommit?.(++commits);
    return answer;
  };
  const publish = (changes: Changes): void => {
    if (!changes.any && changes.touched.size + changes.touchedNodes.size === 0) return;
    for (const key of [...changes.services, ...changes.touched]) dirty.services.add(key);
    for (const id of changes.nodes) dirty.nodes.add(id);
    tell(listeners, changes);
  };
  const accompany = (tx: Transaction, changes: Changes): void => {
    if (changes.any) for (const also of companions) also(tx, changes);
  };
  const markAll = (): void => {
    for (const key of reader.serviceKeys()) dirty.services.add(key);
    for (const node of reader.nodes()) dirty.nodes.add(node.id);
  };
  return {
    ...reader,
    dirty,
    markAll,
    write(body) {
      const changes = noChanges();
      const run = (): ReturnType<typeof body> => {
        const tx = createTransaction(tables, changes);
        return auditSeal.around(() => {
          const answer = body(tx);
          if (group === null) accompany(tx, changes);
          return answer;
        });
      };
      const answer = group === null ? commit(changes, run) : env.transaction(run);
      tell(followers, changes);
      if (group === null) publish(changes);
      else addChanges(group, changes);
      return answer;
    },
    batch(body) {
      if (group !== null) return body();
      const changes = noChanges();
      group = changes;
      const answer = commit(changes, () => {
        const answered = body();
        auditSeal.around(() => accompany(createTransaction(tables, changes), changes));
        return answered;
      });
      publish(changes);
      return answer;
    },
    requireRoom() {
      const free = env.freeBytes();
      if (isFull || free < RESERVED_BYTES)
        throw new OrcaError(
          'STORE_FULL',
          `the disk of the Orca home has ${Math.floor(free / 1024)} KiB left; what is under way may need them`,
        );
    },
    problem: () =>
      isFull ? 'the disk of the Orca home is full: the master goes on as soon as there is room again' : null,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    follow(listener) {
      followers.add(listener);
    },
    alongside(also) {
      companions.add(also);
    },
    sealAudit: (sealer, isFirst) => env.transaction(() => auditSeal.begin(sealer, isFirst)),
    isAuditSealed: auditSeal.isWhole,
    isAuditAnew: auditSeal.isAnew,
    copyTo: env.copyTo,
    close: () => env.close(),
  };
}
