/**
 * The text of a join token: an id (public), a secret of 32 random bytes, and the SHA-256 of the cluster CA's certificate,
 * by which a host that trusts nothing yet knows the right master before it says the secret.
 */
import { createHash } from 'node:crypto';
import { OrcaError } from './errors.js';

export interface JoinTokenParts {
  id: string;
  /** Base64url, 43 characters. */
  secret: string;
  /** SHA-256 of the CA's certificate (DER), hex. */
  caFingerprint: string;
}

const PREFIX = 'orca-join';
const shape = /^orca-join\.(j-[0-9a-f]{8})\.([A-Za-z0-9_-]{43})\.([0-9a-f]{64})$/;

export const formatJoinToken = ({ id, secret, caFingerprint }: JoinTokenParts): string =>
  [PREFIX, id, secret, caFingerprint].join('.');

/** Throws JOIN_TOKEN_INVALID, without repeating the text: it may hold a secret. */
export function parseJoinToken(text: string): JoinTokenParts {
  const [, id, secret, caFingerprint] = shape.exec(text.trim()) ?? [];
  if (id === undefined || secret === undefined || caFingerprint === undefined)
    throw new OrcaError(
      'JOIN_TOKEN_INVALID',
      'this is no join token: it begins with "orca-join." and has four parts',
    );
  return { id, secret, caFingerprint };
}

/** SHA-256 of a certificate (DER) in hex, as tokens carry it. */
export const certificateFingerprint = (der: Uint8Array): string =>
  createHash('sha256').update(der).digest('hex');
