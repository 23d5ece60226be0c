/**
 * Looks at the files of `[acme] trusted_roots` before anything runs with them: each must be a file of certificates. Whether the CA's
 * server was signed by one of them, only a handshake shows.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Problem } from '../shared/config/problem.js';
import { messageOf } from '../shared/errors.js';
import { pemBlocks } from './control/pem.js';

/** Bytes; the bundle of all public roots has a quarter of it. */
const MAX_BYTES = 1024 * 1024;

/** One for each that can't be used, at its place in cluster.toml. Paths are absolute. */
export function trustedRootProblems(paths: readonly string[]): Problem[] {
  return paths.flatMap((path, index): Problem[] => {
    const why = problemOf(path);
    return why === null ? [] : [{ path: ['acme', 'trusted_roots', index], message: `${path} ${why}` }];
  });
}

function problemOf(path: string): string | null {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return 'is a directory; name each file of it';
    if (!stat.isFile()) return 'is no regular file';
    if (stat.size > MAX_BYTES) return 'is far larger than a list of certificates';
    return contentProblem(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'is not there; paths are relative to the home';
    return `can't be read: ${messageOf(error)}`;
  }
}

function contentProblem(text: string): string | null {
  const certificates = pemBlocks(text).filter(({ label }) => label === 'CERTIFICATE');
  if (certificates.length === 0)
    return 'holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`); `openssl x509 -inform der -in FILE` makes one of DER';
  const bad = certificates.findIndex(({ text: pem }) => !isReadable(pem));
  return bad < 0
    ? null
    : `holds a certificate that can't be read, number ${bad + 1} of ${certificates.length}`;
}

function isReadable(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
