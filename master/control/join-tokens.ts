/**
 * Join tokens: made, revoked, and judged. A token is an id and a secret of 32 random bytes of which the store has only the
 * SHA-256; the secret leaves this file once, in the answer to `create`. What is long over is forgotten when one is made.
 */
import { randomBytes } from 'node:crypto';
import { type CreateJoinToken, DEFAULT_TOKEN_TTL_MS } from '../../shared/api-join.js';
import { OrcaError } from '../../shared/errors.js';
import { formatJoinToken, type JoinTokenParts, parseJoinToken } from '../../shared/join-token.js';
import { hashSecret, isSameHash } from '../../shared/secret-hash.js';
import type { Reader } from '../store/reader.js';
import type { Store } from '../store/store.js';
import type { JoinToken } from '../store/tables.js';
import type { Transaction } from '../store/transaction.js';

/** For this long a token that can't be used any more is still listed. */
const KEPT_MS = 7 * 86_400_000;

export interface JoinTokens {
  /** The token and its text, which is shown once. */
  create(request: CreateJoinToken, by: string): { token: JoinToken; text: string };
  /** By its id, or its whole text, of which the id counts. Throws NOT_FOUND, JOIN_TOKEN_INVALID. Revoking one twice is no error. */
  revoke(named: string, by: string): void;
}

export function createJoinTokens(store: Store, caFingerprint: string): JoinTokens {
  return {
    create(request, by) {
      const secret = randomBytes(32).toString('base64url');
      const nowMs = Date.now();
      const token = store.write((tx) => {
        forgetOld(tx, nowMs);
        const made = aToken(freeId(tx), secret, request, by, nowMs);
        tx.putJoinToken(made);
        tx.addEvent(tokenEvent(nowMs, 'created', `join token ${made.id} was made by ${by}`));
        return made;
      });
      return { token, text: formatJoinToken({ id: token.id, secret, caFingerprint }) };
    },
    revoke(named, by) {
      const id = named.startsWith('orca-join.') ? parseJoinToken(named).id : named;
      const nowMs = Date.now();
      store.write((tx) => {
        const token = tx.joinToken(id);
        if (!token)
          throw new OrcaError('NOT_FOUND', `there is no join token ${id}`, {
            hint: 'See `orca join-token list` for the tokens there are.',
          });
        if (token.revokedAtMs !== null) return;
        tx.putJoinToken({ ...token, revokedAtMs: nowMs });
        tx.addEvent(tokenEvent(nowMs, 'revoked', `join token ${id} was revoked by ${by}`));
      });
    },
  };
}

/**
 * The token of these parts, known, not revoked and not expired. A wrong id and a wrong secret are the same refusal.
 * Whether uses are left is for who knows if this host has used one already.
 */
export function liveToken(reader: Reader, parts: JoinTokenParts, nowMs: number): JoinToken {
  const token = reader.joinToken(parts.id);
  // Compared also when the id is unknown, so that the time says nothing.
  const isRight = isSameHash(hashSecret(parts.secret), token?.secretHash ?? hashSecret(''));
  if (!token || !isRight) throw new OrcaError('JOIN_TOKEN_INVALID', 'the join token is not known here');
  if (token.revokedAtMs !== null)
    throw new OrcaError(
      'JOIN_TOKEN_REVOKED',
      `the join token ${token.id} was revoked at ${iso(token.revokedAtMs)}`,
    );
  if (token.expiresAtMs <= nowMs)
    throw new OrcaError(
      'JOIN_TOKEN_EXPIRED',
      `the join token ${token.id} expired at ${iso(token.expiresAtMs)}`,
    );
  return token;
}

/** Throws JOIN_TOKEN_USED when nothing is left. */
export function checkUses(token: JoinToken): void {
  if (token.used.length >= token.uses)
    throw new OrcaError(
      'JOIN_TOKEN_USED',
      `the join token ${token.id} was for ${token.uses === 1 ? 'one use' : `${token.uses} uses`}, and none is left`,
    );
}

/** Throws JOIN_TOKEN_USED when nothing is left. */
export function takeUse(tx: Transaction, token: JoinToken, use: JoinToken['used'][number]): void {
  checkUses(token);
  tx.putJoinToken({ ...token, used: [...token.used, use] });
  tx.addEvent({
    ...tokenEvent(use.atMs, 'used', `join token ${token.id} was used by node ${use.node}`),
    node: use.node,
  });
}

function aToken(
  id: string,
  secret: string,
  { ttl_secs, uses, labels }: CreateJoinToken,
  by: string,
  nowMs: number,
): JoinToken {
  const ttlMs = ttl_secs === null || ttl_secs === undefined ? DEFAULT_TOKEN_TTL_MS : ttl_secs * 1_000;
  return {
    id,
    secretHash: hashSecret(secret),
    labels: labels ?? {},
    uses: uses ?? 1,
    createdBy: by,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + ttlMs,
    revokedAtMs: null,
    used: [],
  };
}

function freeId(reader: Reader): string {
  for (;;) {
    const id = `j-${randomBytes(4).toString('hex')}`;
    if (!reader.joinToken(id)) return id;
  }
}

function forgetOld(tx: Transaction, nowMs: number): void {
  for (const { id, expiresAtMs, revokedAtMs } of tx.joinTokens())
    if (nowMs - Math.min(expiresAtMs, revokedAtMs ?? expiresAtMs) > KEPT_MS) tx.deleteJoinToken(id);
}

const iso = (atMs: number): string => new Date(atMs).toISOString();

const tokenEvent = (atMs: number, what: string, message: string) => ({
  atMs,
  kind: `join-token.${what}`,
  service: null,
  node: null as string | null,
  rollout: null,
  message,
});
