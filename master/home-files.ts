/**
 * Whose the files of the home are, and who else can reach them; looked at before the master reads any. What another user owns, or
 * could have read or written though it is a key, is refused with the line that mends it: with its mode put right in silence nobody
 * would learn of it. The mode of what holds no key in the clear is mended, and told.
 */
import { chmodSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { OrcaError } from '../shared/errors.js';

/** Whoever reads one of these is the cluster, its admin, or its node. */
const KEYS = ['master.key', 'ca.key', 'cluster.token', 'agent/node.key'];
/** Secrets in it are sealed. */
const STORE = ['cluster.db', 'cluster.db/data.mdb', 'cluster.db/lock.mdb'];
/** Whoever writes it makes admins. */
const CONFIG = 'cluster.toml';
const FOR_OTHERS = 0o077;
const WRITTEN_BY_OTHERS = 0o022;

/** What was mended, a sentence each. Throws HOME_UNSAFE. `uid`: the user whose they should be. */
export function checkHomeFiles(home: string, uid = process.getuid?.() ?? 0): string[] {
  const keys = KEYS.map((name) => join(home, name));
  for (const path of [home, ...keys, ...STORE.map((name) => join(home, name))]) refuseForeign(path, uid);
  const config = join(home, CONFIG);
  // Root may have written it for another user's master.
  if (statsOf(config)?.uid !== 0) refuseForeign(config, uid);
  refuseWritable(config);
  for (const path of keys) refuseOpen(path);
  return closeStore(home);
}

/** Shuts the store to other users: it is made with the modes of whoever starts the master. */
export function closeStore(home: string): string[] {
  return STORE.map((name) => join(home, name)).flatMap((path) => {
    const stats = statsOf(path);
    if (stats === null || (stats.mode & FOR_OTHERS) === 0) return [];
    chmodSync(path, stats.isDirectory() ? 0o700 : 0o600);
    return [`${path} was open to other users of this host (mode ${shown(stats)}), and is not any more`];
  });
}

function refuseForeign(path: string, uid: number): void {
  const stats = statsOf(path);
  if (stats === null || stats.uid === uid) return;
  throw new OrcaError(
    'HOME_UNSAFE',
    `${path} belongs to user ${stats.uid}, who can change it; the master runs as ${uid}`,
    {
      hint: `Run the master as that user, or, if nobody else has touched it: \`chown -R ${uid} ${quoted(path)}\`.`,
    },
  );
}

/** Also of the home itself, which is shut later: what others could put there is not believed. Throws HOME_UNSAFE. */
export function refuseWritable(path: string): void {
  const stats = statsOf(path);
  if (stats === null || (stats.mode & WRITTEN_BY_OTHERS) === 0) return;
  throw new OrcaError('HOME_UNSAFE', `${path} could be written by other users (mode ${shown(stats)})`, {
    hint: `See that what is in it is yours, then \`chmod go-w ${quoted(path)}\`.`,
  });
}

function refuseOpen(path: string): void {
  const stats = statsOf(path);
  if (stats === null || (stats.mode & FOR_OTHERS) === 0) return;
  throw new OrcaError(
    'HOME_UNSAFE',
    `${path} could be read or written by other users (mode ${shown(stats)})`,
    {
      hint: `\`chmod 600 ${quoted(path)}\`, and where somebody may have read it, change it too (docs/hardening.md).`,
    },
  );
}

function statsOf(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

const shown = (stats: Stats): string => (stats.mode & 0o777).toString(8).padStart(4, '0');

/** For a shell. */
const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
