/**
 * `orca restore`: makes a home what a backup says. Everything is checked before anything is touched: the checksums, the
 * schema, that no master runs there, that nothing is in the way. Agents may know of more than the backup: the store is
 * marked so that each node is compared with it first (see control/assignments.ts).
 */
import { createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Readable } from 'node:stream';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { takeLock } from '../../shared/lock.js';
import { holdOf, KNOWN_SINCE, putHold } from '../store/hold.js';
import { SCHEMA } from '../store/migrations.js';
import { openStore, type Store } from '../store/store.js';
import { type BackupHead, readArchive } from './archive.js';
import { HOME_PARTS } from './backup.js';
import { type Credentials, credentialsIn, revokeCredentials } from './credentials.js';
import { beginSwap, commitSwap, dropSwap, finishSwap, inTheWay, nodeIdIn } from './swap.js';

export interface RestoreOptions {
  home: string;
  source: Readable;
  /** Replaces what is there; it is kept. */
  force: boolean;
  /** Tokens and join tokens of the backup are good no more. */
  revokeTokens?: boolean;
}

export interface Restored {
  head: BackupHead;
  /** Where what was there is kept; null: nothing was. */
  before: string | null;
  /** What lets somebody in now, as the backup has it. */
  credentials: Credentials;
}

/** Throws BACKUP_INVALID, STORE_TOO_NEW, ALREADY_RUNNING and HOME_TAKEN; then the home is as it was. */
export async function restoreHome({
  home,
  source,
  force,
  revokeTokens = false,
}: RestoreOptions): Promise<Restored> {
  makeHome(home);
  const lock = await takeLock(join(home, 'master.sock'), `a master runs in ${home}: stop it first`);
  try {
    finishSwap(home);
    const folder = beginSwap(home);
    const head = await readArchive(source, refuseNewer, (name) => sinkFor(folder, name));
    refuseIncomplete(folder);
    const nodeId = nodeIdIn(folder);
    const taken = inTheWay(home, nodeId);
    if (taken.length > 0 && !force) throw homeTaken(home, taken);
    if (taken.includes('agent')) await refuseRunningAgent(home);
    const credentials = await markRestored(join(folder, 'cluster.db'), head, revokeTokens);
    return { head, before: commitSwap(home, nodeId, Date.now()), credentials };
  } finally {
    dropSwap(home);
    await lock.release();
  }
}

/** Reads all of it and keeps nothing. Throws BACKUP_INVALID. */
export function checkBackup(source: Readable): Promise<BackupHead> {
  return readArchive(
    source,
    () => undefined,
    () => createWriteStream('/dev/null'),
  );
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new OrcaError('USAGE', `the home ${home} can't be made: ${messageOf(cause)}`, { cause });
  }
}

function refuseNewer({ schema, version }: BackupHead): void {
  if (schema > SCHEMA)
    throw new OrcaError(
      'STORE_TOO_NEW',
      `the backup has schema ${schema}, of Orca ${version}; this version knows up to ${SCHEMA}`,
      { hint: 'Restore it with the version of Orca that made it, or a newer one; nothing was changed.' },
    );
}

/** Only what a backup holds, so that no archive writes anywhere else. */
function sinkFor(folder: string, name: string): NodeJS.WritableStream | null {
  const isPart = name === 'cluster.db/data.mdb' || HOME_PARTS.includes(name) || name.startsWith('certs/');
  if (!isPart || normalize(name) !== name || name.split('/').includes('..')) return null;
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return createWriteStream(path, { flags: 'wx', mode: name === 'ca.pem' ? 0o644 : 0o600 });
}

function refuseIncomplete(folder: string): void {
  // Without master.key where the key comes from outside; a start without either says so.
  const needed = ['cluster.db/data.mdb', 'ca.pem', 'ca.key', 'cluster.token'];
  const missing = needed.find((name) => !existsSync(join(folder, name)));
  if (missing !== undefined)
    throw new OrcaError('BACKUP_INVALID', `this is no whole backup of Orca: it holds no ${missing}`);
}

const homeTaken = (home: string, taken: readonly string[]): OrcaError =>
  new OrcaError('HOME_TAKEN', `${home} is a home already: it holds ${taken.join(', ')}`, {
    hint: 'Restore with another --home, or with --force, which keeps what is there beside it; nothing was changed.',
  });

async function refuseRunningAgent(home: string): Promise<void> {
  const held = `the agent of another node runs in ${home}: stop it first`;
  await (await takeLock(join(home, 'agent', 'agent.sock'), held)).release();
}

/** Every node is to be compared first; deadlines of rollouts count from now. */
async function markRestored(path: string, head: BackupHead, revokeTokens: boolean): Promise<Credentials> {
  const nowMs = Date.now();
  const store = openChecked(path);
  try {
    return store.write((tx) => {
      tx.putMeta(KNOWN_SINCE, nowMs);
      for (const { id, revision } of tx.nodes())
        if (holdOf(tx, id) === null) putHold(tx, id, { state: 'unheard', revision, why: '' });
      for (const { key } of tx.services()) {
        const open = tx.activeRollout(key);
        if (open) tx.putRollout({ ...open, progressAtMs: nowMs });
      }
      // What was pushed before the backup may be old by now: whoever restores says whether it is to be deployed.
      for (const delivery of tx.openDeliveries())
        if (delivery.state === 'waiting')
          tx.putDelivery({ ...delivery, ...NOT_BROUGHT_OUT, endedAtMs: nowMs });
      const message = `restored from the backup of ${head.created_at}`;
      tx.addEvent({ atMs: nowMs, kind: 'restored', service: null, node: null, rollout: null, message });
      if (revokeTokens) revokeCredentials(tx, nowMs);
      return credentialsIn(tx, nowMs);
    });
  } finally {
    await store.close();
    rmSync(join(path, 'lock.mdb'), { force: true });
  }
}

const NOT_BROUGHT_OUT = {
  state: 'skipped',
  reason: 'it waited when the backup was made that was restored; `orca webhooks redeliver` deploys it',
} as const;

function openChecked(path: string): Store {
  try {
    return openStore(path);
  } catch (cause) {
    if (cause instanceof OrcaError) throw cause;
    throw new OrcaError('BACKUP_INVALID', `its store can't be read: ${messageOf(cause)}`, { cause });
  }
}
