/**
 * What lets somebody in by an older state of the store: tokens, join tokens and webhooks' secrets that were revoked or replaced since are good
 * again as soon as it is restored, and nobody remembers that they were not. So a restore names them, and revokes them when it is asked to.
 */
import type { Transaction } from '../store/transaction.js';

export interface Credentials {
  /** By their names; the home's own, whose text is in the backup beside the store, is not among them. */
  tokens: string[];
  /** By their ids. */
  joinTokens: string[];
  webhooks: string[];
}

/** The token of the home itself. */
const OWN = 'admin';

export function credentialsIn(tx: Transaction, nowMs: number): Credentials {
  const isGood = ({ createdAtMs, ttlMs, revokedAtMs }: ReturnType<Transaction['tokens']>[number]): boolean =>
    revokedAtMs === null && (ttlMs === null || createdAtMs + ttlMs > nowMs);
  return {
    tokens: tx.tokens().flatMap((token) => (isGood(token) && token.name !== OWN ? [token.name] : [])),
    joinTokens: tx
      .joinTokens()
      .filter(({ revokedAtMs, expiresAtMs }) => revokedAtMs === null && expiresAtMs > nowMs)
      .map(({ id }) => id),
    webhooks: tx.webhooks().map(({ id, service }) => `${id} of ${service}`),
  };
}

/** Tokens and join tokens; webhooks stay, for their secrets are at the providers. */
export function revokeCredentials(tx: Transaction, nowMs: number): void {
  for (const token of tx.tokens())
    if (token.revokedAtMs === null && token.name !== OWN)
      tx.putToken({ ...token, revokedAtMs: nowMs, previous: null });
  for (const token of tx.joinTokens())
    if (token.revokedAtMs === null) tx.putJoinToken({ ...token, revokedAtMs: nowMs });
}
