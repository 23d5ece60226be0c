/** Decides whether a certificate that was sent (`orca certs add`) is taken: by what it is called, and by what it is. */
import { OrcaError } from '../../shared/errors.js';
import { coverage } from '../plan/own-certificate.js';
import { checkCertificate, type Refusal, refusal, type Usable } from './check-certificate.js';

export interface Upload {
  /** A name that it is for, also a wildcard; or, without a dot, a word of its owner's. */
  name: string;
  cert: string;
  key: string;
}

const NAME = /^(\*\.)?[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?$/;

/** Its name is in lower case then. Throws CONFIG_INVALID. */
export function checkUpload(upload: Upload, nowMs: number): { name: string; certificate: Usable } {
  const name = upload.name.toLowerCase();
  if (!NAME.test(name))
    throw new OrcaError('CONFIG_INVALID', `a certificate can't be called ${JSON.stringify(name)}`, {
      hint: 'Call it by a name that it is for, such as "*.example.com", or by a word of letters and digits.',
    });
  const text = { cert: upload.cert, key: upload.key, certName: 'that was sent', keyName: 'that was sent' };
  const checked = checkCertificate(text, nowMs);
  const certificate = checked.kind === 'usable' ? (misnamed(name, checked.names) ?? checked) : checked;
  if (certificate.kind === 'usable') return { name, certificate };
  throw new OrcaError('CONFIG_INVALID', `${name}: ${certificate.reason}`, {
    hint: `Nothing was changed: ${certificate.todo}.`,
  });
}

function misnamed(name: string, names: readonly string[]): Refusal | null {
  if (!name.includes('.') || coverage(names, name) !== null) return null;
  return refusal(
    `the certificate is for ${names.join(', ')}, and not for ${name}`,
    'name it by one of these, or by a word of your own without a dot',
  );
}
