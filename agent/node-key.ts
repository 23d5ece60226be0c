/**
 * The node's own key, for what its files must not show in plain: `memory.key` (0600), made when it is first needed. It keeps values
 * out of copies of the other files; who can read all of the agent's folder can read them.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../shared/files.js';
import { openText, sealText } from '../shared/seal.js';

export interface NodeKey {
  /** Throws when there is no key and none can be written. */
  seal(plain: string): string;
  /** Null: it was sealed with another key, or changed. */
  unseal(sealed: string): string | null;
}

export function nodeKey(folder: string): NodeKey {
  const file = join(folder, 'memory.key');
  const read = (): Buffer | null => {
    if (!existsSync(file)) return null;
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
    return key.length === 32 ? key : null;
  };
  const make = (): Buffer => {
    const key = randomBytes(32);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileAtomic(file, `${key.toString('base64')}\n`, 0o600);
    return key;
  };
  return {
    seal: (plain) => sealText(read() ?? make(), plain, ''),
    unseal(sealed) {
      try {
        const key = read();
        return key && openText(key, sealed, '');
      } catch {
        return null;
      }
    },
  };
}
