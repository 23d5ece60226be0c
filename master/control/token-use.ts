/**
 * When each token was last used, and from where. A use is noted in memory and written once a minute, so that a request that only looks costs
 * no commit; a master that is killed forgets the last minute of it.
 */
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import type { Store } from '../store/store.js';

export interface TokenUse {
  atMs: number;
  from: string;
}

export interface TokenUses {
  note(key: string, use: TokenUse): void;
  last(key: string): TokenUse | null;
  forget(key: string): void;
  /** Writes what is noted. */
  stop(): void;
}

const WRITE_EVERY_MS = 60_000;
/** Names in cluster.toml are of any length, and keys of LMDB are not. */
const metaKey = (key: string): string => `token-use|${key.slice(0, 200)}`;

export function createTokenUses(store: Store, log: Log): TokenUses {
  const noted = new Map<string, TokenUse>();
  const write = (): void => {
    if (noted.size === 0) return;
    try {
      store.write((tx) => {
        for (const [key, use] of noted) tx.putMeta(metaKey(key), use);
      });
      noted.clear();
    } catch (error) {
      log.error({ error: messageOf(error) }, 'when tokens were used could not be written, and will be later');
    }
  };
  const timer = setInterval(write, WRITE_EVERY_MS).unref();
  return {
    note: (key, use) => void noted.set(key, use),
    last: (key) => noted.get(key) ?? (store.meta(metaKey(key)) as TokenUse | undefined) ?? null,
    forget(key) {
      noted.delete(key);
      store.write((tx) => tx.deleteMeta(metaKey(key)));
    },
    stop() {
      clearInterval(timer);
      write();
    },
  };
}
