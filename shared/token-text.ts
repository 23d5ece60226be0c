/**
 * The text of a token that Orca made: `orca_`, by which scanners of leaked secrets know it, an id (public), a secret of 32 random bytes, and
 * behind a dot the SHA-256 of the cluster CA's certificate, by which `orca login` knows the right master before it says the secret.
 */

export interface TokenParts {
  /** Ten hex digits; stays with the token when it is rotated. */
  id: string;
  /** What is said to the master and kept as a hash: the text without its fingerprint. */
  core: string;
  /** Hex; null: the text was given without it. */
  caFingerprint: string | null;
}

const shape = /^(orca_([0-9a-f]{10})_[A-Za-z0-9_-]{43})(?:\.([0-9a-f]{64}))?$/;

/** `secret`: base64url, 43 characters. */
export const formatToken = (id: string, secret: string, caFingerprint: string): string =>
  `orca_${id}_${secret}.${caFingerprint}`;

/** Null for any other text, such as the value of a `[[token]]`. */
export function parseToken(text: string): TokenParts | null {
  const [, core, id, caFingerprint] = shape.exec(text) ?? [];
  if (core === undefined || id === undefined) return null;
  return { id, core, caFingerprint: caFingerprint ?? null };
}
