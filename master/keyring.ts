/**
 * The key that seals what must not be read at rest: private keys and secrets. It is `master.key` in the home (0600), or given
 * from outside (`ORCA_KEY`, or the systemd credential `orca-key`); then the home holds none.
 *
 * Promises: AES-256-GCM, each text bound to what it is for, so that none opens in the place of another. Earlier versions bound nothing but
 * secrets: what they sealed is opened by the first start alone, which binds it, and from then on never again: a file beside the keys says so,
 * since whoever can change the store could say otherwise in it. A change of keys is one commit and can be killed at any line: the file
 * holds both keys before it, and the one before goes with the next start, when nothing in memory can be sealed with it any more.
 * Refuses a start without the key that the store is sealed with.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OrcaError } from '../shared/errors.js';
import { writeFileAtomic } from '../shared/files.js';
import { openText, sealText } from '../shared/seal.js';
import { BOUND_FILE, wasAlwaysBound } from './store/sealed.js';
import type { Store } from './store/store.js';

interface Key {
  /** Names it without giving it away. */
  id: string;
  bytes: Buffer;
}

export interface Keyring {
  /** `bind`: what it is for (`store/sealed.ts`); it can be opened for the same only. */
  seal(plain: string, bind: string): string;
  /** Throws when it was sealed with another key, or for something else, or was changed. */
  unseal(sealed: string, bind: string): string;
  /** Has the store sealed with the key that is wanted, and drops the others. What can't be opened stays as it is; answers where. */
  settle(store: Store): string[];
  /** A new key in `master.key`. Throws CONFLICT when the key is given from outside. */
  rotate(store: Store): string[];
}

type Env = Record<string, string | undefined>;

const KEY_IN_FORCE = 'key-in-force';
/** No text of earlier versions, which is base64 alone, begins so. */
const FORMAT = '2.';

export function openKeyring(home: string, env: Env): Keyring {
  const file = join(home, 'master.key');
  const given = givenKey(env, 'ORCA_KEY', 'orca-key');
  const previous = givenKey(env, 'ORCA_KEY_PREVIOUS', 'orca-key-previous');
  let kept = readKeys(file);
  /** The first of a home: on disk before anything is sealed with it, and not before the store has said that it needs no other. */
  let fresh = given === null && kept.length === 0 ? newKey() : null;
  let current = fresh ?? wanted(given, kept, null);
  const known = (): Key[] => [current, ...kept, ...[given, previous].filter((key) => key !== null)];

  const boundFile = join(home, BOUND_FILE);
  const unseal = (sealed: string, bind: string): string => {
    if (bind === '') throw new Error('nothing is sealed for nothing');
    return unsealWith(known(), sealed, bind);
  };
  /** As before the first start of this version, also what is bound to nothing. */
  const unsealAny = (sealed: string, bind: string): string => {
    try {
      return unseal(sealed, bind);
    } catch (error) {
      if (wasAlwaysBound(bind) || existsSync(boundFile)) throw error;
      return unsealWith(known(), sealed, '');
    }
  };
  const change = (store: Store, to: Key): string[] => {
    const isBound = existsSync(boundFile);
    const unreadable: string[] = [];
    store.write((tx) => {
      tx.reseal((sealed, bind, where) => {
        if (isBound && sealed.startsWith(`${FORMAT}${to.id}.`)) return sealed;
        try {
          return sealWith(to, unsealAny(sealed, bind), bind);
        } catch {
          unreadable.push(where);
          return sealed;
        }
      });
      tx.putMeta(KEY_IN_FORCE, to.id);
    });
    return unreadable;
  };
  /** Only what is in force is kept. */
  const keep = (key: Key): void => {
    current = key;
    const next = given === null ? [key] : [];
    if (kept.length !== next.length || kept[0]?.id !== next[0]?.id) writeKeys(file, next);
    kept = next;
  };
  const keepFresh = (): void => {
    if (fresh === null) return;
    kept = [fresh];
    fresh = null;
    writeKeys(file, kept);
  };
  return {
    seal(plain, bind) {
      keepFresh();
      return sealWith(current, plain, bind);
    },
    unseal,
    settle(store) {
      const stored = store.meta(KEY_IN_FORCE);
      const inForce = typeof stored === 'string' ? stored : null;
      if (inForce !== null && !known().some(({ id }) => id === inForce)) throw missing(inForce);
      if (inForce === null) refuseStrange(store, unsealAny);
      keepFresh();
      const to = wanted(given, kept, inForce);
      const isBound = existsSync(boundFile);
      const isWhole = isBound && inForce === to.id && known().every(({ id }) => id === to.id);
      const unreadable = isWhole ? [] : change(store, to);
      keep(to);
      store.sealAudit({ seal: (plain, bind) => sealWith(current, plain, bind), unseal }, !isBound);
      if (!isBound) writeFileAtomic(boundFile, 'what is sealed in cluster.db is bound to its place\n', 0o600);
      return unreadable;
    },
    rotate(store) {
      if (given !== null)
        throw new OrcaError(
          'CONFLICT',
          'the key comes from outside (ORCA_KEY or a credential), so Orca can not make another',
          {
            hint: 'Start the master with the new key as ORCA_KEY (credential orca-key) and the old one as ORCA_KEY_PREVIOUS (orca-key-previous).',
          },
        );
      const next = newKey();
      kept = [...kept, next];
      writeKeys(file, kept);
      const unreadable = change(store, next);
      current = next;
      return unreadable;
    },
  };
}

/** The given one; else of the file's the one that is in force, or its first. */
function wanted(given: Key | null, kept: readonly Key[], inForce: string | null): Key {
  const key = given ?? kept.find(({ id }) => id === inForce) ?? kept[0];
  if (key === undefined) throw new OrcaError('KEY_MISSING', 'master.key holds no key');
  return key;
}

/** A store of earlier versions does not say which key it is sealed with: one that opens nothing of it is not that one. */
function refuseStrange(store: Store, unseal: Keyring['unseal']): void {
  const count = { readable: 0, unreadable: 0 };
  store.write((tx) =>
    tx.reseal((sealed, bind) => {
      try {
        unseal(sealed, bind);
        count.readable += 1;
      } catch {
        count.unreadable += 1;
      }
      return sealed;
    }),
  );
  if (count.unreadable > 0 && count.readable === 0)
    throw new OrcaError('KEY_MISSING', 'nothing that the store has sealed opens with the key that is here');
}

const missing = (id: string): OrcaError =>
  new OrcaError('KEY_MISSING', `the store is sealed with the key ${id}, which is not here`);

/* ---- where keys are ------------------------------------------------------------------------------------------------ */

const newKey = (): Key => keyOf(randomBytes(32));

const keyOf = (bytes: Buffer): Key => ({
  id: createHash('sha256').update('orca key ').update(bytes).digest('hex').slice(0, 12),
  bytes,
});

/** The environment first; a credential is a file below the folder that systemd names. */
function givenKey(env: Env, variable: string, credential: string): Key | null {
  const text = env[variable]?.trim();
  if (text) return readKey(text, variable);
  const folder = env.CREDENTIALS_DIRECTORY;
  const path = folder ? join(folder, credential) : null;
  if (path === null || !existsSync(path)) return null;
  return readKey(readFileSync(path, 'utf8').trim(), `the credential ${credential}`);
}

/** Never shows the text: it may be a key. */
function readKey(text: string, from: string): Key {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 32 && /^[A-Za-z0-9+/]{43}=?$/.test(text)) return keyOf(bytes);
  throw new OrcaError('KEY_INVALID', `${from} is no key: it must be 32 bytes in base64`);
}

function readKeys(file: string): Key[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => readKey(line.trim(), file));
}

function writeKeys(file: string, keys: readonly Key[]): void {
  if (keys.length === 0) rmSync(file, { force: true });
  else writeFileAtomic(file, keys.map(({ bytes }) => `${bytes.toString('base64')}\n`).join(''), 0o600);
}

/* ---- sealed text --------------------------------------------------------------------------------------------------- */

/** `2.`, the id of the key, and what it sealed. */
const sealWith = (key: Key, plain: string, bind: string): string =>
  `${FORMAT}${key.id}.${sealText(key.bytes, plain, bind)}`;

/** Earlier versions named no key and bound nothing: only what nothing is bound to is read so. */
function unsealWith(keys: readonly Key[], sealed: string, bind: string): string {
  const [, id, body] = /^2\.([0-9a-f]{12})\.(.*)$/.exec(sealed) ?? [];
  if (id === undefined || body === undefined) return unsealEarlier(keys, sealed, bind);
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw new Error(`it was sealed with the key ${id}, which is not here`);
  return openText(key.bytes, body, bind);
}

function unsealEarlier(keys: readonly Key[], sealed: string, bind: string): string {
  if (bind !== '') throw new Error('it is not sealed for what it is used for');
  for (const key of keys)
    try {
      return openText(key.bytes, sealed, '');
    } catch {
      // Of another key, then.
    }
  throw new Error('it was sealed with another key, or changed');
}
