/** Who calls: bearer tokens, of which only hashes are known, compared in constant time. */
import { OrcaError } from '../../shared/errors.js';
import { hashSecret, isSameHash } from '../../shared/secret-hash.js';

export interface KnownToken {
  name: string;
  role: 'admin' | 'deployer' | 'viewer';
  /** SHA-256 of the token, hex. */
  hash: string;
}

/** The token in an Authorization header. Throws NOT_AUTHENTICATED. */
export function authenticate(header: string | undefined, known: readonly KnownToken[]): KnownToken {
  const token = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) throw new OrcaError('NOT_AUTHENTICATED', 'no token was sent');
  const hash = hashSecret(token);
  // All are compared, so that the time says nothing about which one fits.
  const fitting = known.filter((one) => isSameHash(one.hash, hash));
  if (fitting[0] === undefined) throw new OrcaError('NOT_AUTHENTICATED', 'the token is not known here');
  return fitting[0];
}

/** Viewers read; everything else is for deployers and admins, and some of it for admins only. Throws NOT_ALLOWED. */
export function authorize(token: KnownToken, changes: boolean, adminOnly: boolean): void {
  if (adminOnly && token.role !== 'admin')
    throw new OrcaError('NOT_ALLOWED', `the token "${token.name}" is not an admin's`);
  if (changes && token.role === 'viewer')
    throw new OrcaError('NOT_ALLOWED', `the token "${token.name}" may only read`);
}
