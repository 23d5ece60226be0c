/**
 * Which token a text is, of those that were made, of cluster.toml and of the home; only hashes are known, and compared in constant time. A
 * text of Orca's own form is compared with the one that has its id; any other with all that have none.
 */
import type { Role } from '../../shared/api-tokens.js';
import { OrcaError } from '../../shared/errors.js';
import { hashSecret, isSameHash } from '../../shared/secret-hash.js';
import { parseToken } from '../../shared/token-text.js';
import type { Reader } from '../store/reader.js';
import type { Token } from '../store/tables.js';

/** Who calls. */
export interface KnownToken {
  /** Tells it from one of the same name that comes from elsewhere. */
  key: string;
  name: string;
  role: Role;
  /** Null: all. */
  projects: readonly string[] | null;
  /** Of the value that was shown. */
  hash: string;
  /** Null: it does not expire. */
  expiresAtMs: number | null;
}

/** A `[[token]]` of cluster.toml. */
export interface ConfiguredToken {
  name: string;
  role: Role;
  projects: readonly string[] | null;
  value: string;
  /** It can be guessed. */
  isWeak?: boolean;
}

export type Judged =
  | { ok: true; token: KnownToken }
  /** `isGuess`: it was never a token here. */
  | { ok: false; isGuess: boolean; refusal: OrcaError };

export interface KnownTokens {
  judge(text: string, nowMs: number): Judged;
  /** Has an id of a token that was made: its 256 random bits are not to be guessed. */
  isNamed(text: string): boolean;
  /** Whether it would still be known. */
  isLive(token: KnownToken, nowMs: number): boolean;
  /** When the next of them expires, ms; null: none does. */
  nextExpiryMs(nowMs: number): number | null;
  /** Reads the store anew at the next question. */
  changed(): void;
}

export const ADMIN = 'admin';
export const madeKey = (name: string): string => `made:${name}`;
export const configuredKey = (name: string): string => `cluster.toml:${name}`;

export const expiryOf = ({ createdAtMs, ttlMs }: Token): number | null =>
  ttlMs === null ? null : createdAtMs + ttlMs;

export function createKnownTokens(
  store: Pick<Reader, 'tokens'>,
  configured: () => readonly ConfiguredToken[],
): KnownTokens {
  let cached: readonly Token[] | null = null;
  const made = (): readonly Token[] => {
    cached ??= store.tokens();
    return cached;
  };
  const byId = (id: string | undefined): Token | undefined =>
    id === undefined ? undefined : made().find((token) => token.id === id);
  return {
    isNamed: (text) => byId(parseToken(text)?.id) !== undefined,
    judge(text, nowMs) {
      const parts = parseToken(text);
      const hash = hashSecret(parts?.core ?? text);
      const named = byId(parts?.id);
      const rows = named ? [named] : made().filter(({ id, previous }) => id === null || previous !== null);
      // All are compared, so that the time says nothing about which one fits.
      const found = rows.filter((row) => hashesOf(row).filter((one) => isSameHash(one, hash)).length > 0);
      const bare = configured().filter(({ value }) => isSameHash(hashSecret(value), hash));
      const [row] = found;
      if (row) return judgeRow(row, hash, nowMs);
      const [one] = named ? [] : bare;
      if (one) return { ok: true, token: asKnown(one, hash) };
      const refusal = new OrcaError('NOT_AUTHENTICATED', 'the token is not known here');
      return { ok: false, isGuess: true, refusal };
    },
    isLive(token, nowMs) {
      const row = made().find(({ name }) => madeKey(name) === token.key);
      if (row) return hashesOf(row).includes(token.hash) && judgeRow(row, token.hash, nowMs).ok;
      return configured().some(
        (one) =>
          configuredKey(one.name) === token.key &&
          one.role === token.role &&
          String(one.projects) === String(token.projects) &&
          hashSecret(one.value) === token.hash,
      );
    },
    nextExpiryMs(nowMs) {
      const times = made().flatMap((row) => [expiryOf(row) ?? [], row.previous?.untilMs ?? []].flat());
      const later = times.filter((atMs) => atMs > nowMs);
      return later.length === 0 ? null : Math.min(...later);
    },
    changed: () => {
      cached = null;
    },
  };
}

const hashesOf = ({ hash, previous }: Token): string[] => [hash, ...(previous ? [previous.hash] : [])];

/** `hash` is one of its own. */
function judgeRow(row: Token, hash: string, nowMs: number): Judged {
  const { name, role, projects, revokedAtMs, previous } = row;
  const isCurrent = row.hash === hash;
  const expiresAtMs = earlier(expiryOf(row), isCurrent ? null : (previous?.untilMs ?? 0));
  if (revokedAtMs !== null) return refused(`the token "${name}" was revoked at ${iso(revokedAtMs)}`);
  if (expiresAtMs !== null && expiresAtMs <= nowMs)
    return refused(
      isCurrent
        ? `the token "${name}" expired at ${iso(expiresAtMs)}`
        : `this value of the token "${name}" was replaced, and was good until ${iso(expiresAtMs)}`,
    );
  return { ok: true, token: { key: madeKey(name), name, role, projects, hash, expiresAtMs } };
}

function refused(why: string): Judged {
  const hint = 'Have an admin make another (`orca token create`, or `rotate` for a new value of it).';
  return { ok: false, isGuess: false, refusal: new OrcaError('NOT_AUTHENTICATED', why, { hint }) };
}

const asKnown = ({ name, role, projects }: ConfiguredToken, hash: string): KnownToken => ({
  ...{ key: configuredKey(name), name, role, projects, hash },
  expiresAtMs: null,
});

const earlier = (one: number | null, other: number | null): number | null =>
  one === null ? other : other === null ? one : Math.min(one, other);

const iso = (atMs: number): string => new Date(atMs).toISOString();
