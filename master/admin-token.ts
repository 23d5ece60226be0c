/**
 * The admin's own token, which stands in the home (`cluster.token`, 0600): made at the first start, and taken for right at every start,
 * whatever the store says, so that a rotation that was killed between file and store has a token that works.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, OrcaError } from '../shared/errors.js';
import { writeFileAtomic } from '../shared/files.js';
import { adminRow, newAdminText } from './control/tokens.js';
import type { Store } from './store/store.js';

const fileIn = (home: string): string => join(home, 'cluster.token');

export function settleAdminToken(home: string, store: Store, caFingerprint: string): void {
  const file = fileIn(home);
  if (!existsSync(file)) writeFileAtomic(file, `${newAdminText(caFingerprint)}\n`, 0o600);
  const text = readFileSync(file, 'utf8').trim();
  store.write((tx) => tx.putToken(adminRow(tx, text)));
}

/** Answers with how to put back what was there. Throws STORE_FULL. */
export function writeAdminToken(home: string, text: string): () => void {
  const file = fileIn(home);
  const before = readFileSync(file, 'utf8');
  try {
    writeFileAtomic(file, `${text}\n`, 0o600);
  } catch (cause) {
    throw new OrcaError('STORE_FULL', `${file} could not be written: ${messageOf(cause)}`, { cause });
  }
  return () => writeFileAtomic(file, before, 0o600);
}
