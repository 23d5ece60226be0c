/** Secrets are kept as their SHA-256 alone (they are random, so that a plain hash is enough) and compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Hex. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

export const isSameHash = (one: string, other: string): boolean =>
  timingSafeEqual(Buffer.from(one, 'hex'), Buffer.from(other, 'hex'));
