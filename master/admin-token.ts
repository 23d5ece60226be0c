/** The tokens that this master knows: its own admin's, and those of cluster.toml. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../shared/files.js';
import { hashSecret } from '../shared/secret-hash.js';
import type { KnownToken } from './http/authenticate.js';
import type { MasterSettings } from './settings.js';
import type { Store } from './store/store.js';

/** The token in `cluster.token`, made at the first start. */
export function adminToken(home: string, store: Store): KnownToken {
  const file = join(home, 'cluster.token');
  if (!existsSync(file)) writeFileAtomic(file, `${randomBytes(32).toString('base64url')}\n`, 0o600);
  const hash = hashSecret(readFileSync(file, 'utf8').trim());
  store.write((tx) => tx.putToken({ name: 'admin', hash, createdAtMs: 0 }));
  return { name: 'admin', role: 'admin', hash };
}

/** Of cluster.toml. */
export const knownToken = ({ name, role, value }: MasterSettings['tokens'][number]): KnownToken => ({
  name,
  role,
  hash: hashSecret(value),
});
