/**
 * Reads the files that a service names with `tls_cert` and `tls_key`, on the master's host. A relative path lies below the cluster's
 * `cert_dir`, also when links are followed; an absolute one is taken as it is. Refuses what is no regular file, a key that others
 * than its owner and group can read, and what others can change. Nothing of what a file holds is in a refusal.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { messageOf } from '../../shared/errors.js';
import { type CertificateText, type Refusal, refusal } from './check-certificate.js';

export interface TlsFiles {
  cert: string;
  key: string;
}

/** Bytes; a certificate with its chain has some thousand. */
const MAX_BYTES = 256 * 1024;

/** Changes when the files do: far cheaper than reading them. */
export function stampOf({ cert, key }: TlsFiles, certDir: string): string {
  return JSON.stringify([certDir, cert, key, ...[cert, key].map((path) => statText(resolve(certDir, path)))]);
}

export function readFiles(files: TlsFiles, certDir: string): ({ kind: 'read' } & CertificateText) | Refusal {
  const cert = readOne('tls_cert', files.cert, certDir);
  if (cert.kind === 'refused') return cert;
  const key = readOne('tls_key', files.key, certDir);
  if (key.kind === 'refused') return key;
  return { kind: 'read', cert: cert.text, certName: cert.path, key: key.text, keyName: key.path };
}

/** For who may only name files of `cert_dir`: asks nothing of a path elsewhere, so that nobody learns what is there. Null: both are below it. */
export function refuseElsewhere(files: TlsFiles, certDir: string): Refusal | null {
  for (const [key, path] of [
    ['tls_cert', files.cert],
    ['tls_key', files.key],
  ] as const)
    if (!isBelow(resolve(certDir, path), certDir))
      return refusal(
        `${key} ${path} lies outside of cert_dir, whose files alone a token of some projects may name`,
        `have the file put below cert_dir, or the service deployed once with a token of all projects`,
      );
  return null;
}

function statText(path: string): string {
  try {
    const { dev, ino, size, mode, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mode, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return codeOf(error);
  }
}

type Read = { kind: 'read'; path: string; text: string };
type Key = 'tls_cert' | 'tls_key';

function readOne(key: Key, path: string, certDir: string): Read | Refusal {
  const full = resolve(certDir, path);
  try {
    const real = realpathSync(full);
    if (!isAbsolute(path) && !isBelow(real, realpathSync(certDir)))
      return refusal(
        `${key} ${full} leads out of ${certDir}`,
        `put the file into ${certDir}, or name it with its absolute path`,
      );
    return readOpen(key, full, real);
  } catch (error) {
    return unreadable(key, full, error);
  }
}

/** What is judged is what was opened, so that nothing can be exchanged in between. A pipe must not hold up the master. */
function readOpen(key: Key, full: string, real: string): Read | Refusal {
  const descriptor = openSync(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(descriptor);
    const what = `${key} ${full}`;
    if (stat.isDirectory()) return refusal(`${what} is a directory`, `name a file in it with ${key}`);
    if (!stat.isFile()) return refusal(`${what} is no regular file`, `name a file with ${key}`);
    if (stat.size > MAX_BYTES)
      return refusal(
        `${what} has ${stat.size} bytes, which no PEM file of one certificate has`,
        `mend ${key}`,
      );
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
    if (key === 'tls_key' && (stat.mode & 0o007) !== 0)
      return refusal(`${what} can be read by everybody on this host (mode ${mode})`, `chmod 600 ${full}`);
    if ((stat.mode & 0o002) !== 0)
      return refusal(`${what} can be changed by everybody on this host (mode ${mode})`, `chmod 644 ${full}`);
    return { kind: 'read', path: full, text: readFileSync(descriptor, 'utf8') };
  } finally {
    closeSync(descriptor);
  }
}

function unreadable(key: Key, full: string, error: unknown): Refusal {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return refusal(`${key} ${full} is not there`, `put the file there, on the master's host, or mend ${key}`);
  if (code === 'EACCES' || code === 'EPERM')
    return refusal(
      `${key} ${full} can't be read by the master`,
      `give it to the user that the master runs as`,
    );
  if (code === 'ELOOP') return refusal(`${key} ${full} is a link that leads nowhere`, `mend ${key}`);
  return refusal(`${key} ${full} can't be read: ${messageOf(error)}`, `mend ${key}`);
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? messageOf(error);
