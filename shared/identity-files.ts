/**
 * A node's identity in `HOME/agent`: `node.key` (0600), `node.crt` and `ca.pem`. Written by the master for its own node, by
 * `orca join`, and by the agent when it renews; a crash at any line leaves the old pair or the new one to be read.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from './files.js';

/** Paths of PEM files. */
export interface IdentityPaths {
  ca: string;
  cert: string;
  key: string;
}

export interface Identity {
  ca: string;
  cert: string;
  key: string;
}

export const identityPaths = (folder: string): IdentityPaths => ({
  ca: join(folder, 'ca.pem'),
  cert: join(folder, 'node.crt'),
  key: join(folder, 'node.key'),
});

/** What a certificate waits under while its key is put in place. */
const waiting = (path: string): string => `${path}.new`;

/** Both wait complete on disk before the first takes its place; `readIdentity` finds the pair between the two. */
export function writeIdentity(folder: string, identity: Identity): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const paths = identityPaths(folder);
  writeFileAtomic(paths.ca, identity.ca, 0o644);
  writeFileAtomic(waiting(paths.cert), identity.cert, 0o644);
  writeFileAtomic(paths.key, identity.key, 0o600);
  renameSync(waiting(paths.cert), paths.cert);
}

/** Rejects when a file is missing. Key and certificate belong together, also where a write was cut short. */
export async function readIdentity(paths: IdentityPaths): Promise<Identity> {
  const [ca, key, next] = await Promise.all([
    readFile(paths.ca, 'utf8'),
    readFile(paths.key, 'utf8'),
    readFile(waiting(paths.cert), 'utf8').catch(() => ''),
  ]);
  if (isPair(next, key)) return { ca, cert: next, key };
  return { ca, cert: await readFile(paths.cert, 'utf8'), key };
}

function isPair(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}
