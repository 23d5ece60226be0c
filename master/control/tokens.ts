/**
 * Tokens: made, listed, revoked and rotated while the master runs. The text of one leaves this file once, in the answer to who made or rotated
 * it; the store has its SHA-256. Whoever reads along with a token (`attend`) is told when it is good no more. Refusals are OrcaErrors and have
 * changed nothing.
 */
import { randomBytes } from 'node:crypto';
import type { CreateToken } from '../../shared/api-tokens.js';
import { OrcaError } from '../../shared/errors.js';
import { hashSecret } from '../../shared/secret-hash.js';
import { formatToken, parseToken } from '../../shared/token-text.js';
import type { Reader } from '../store/reader.js';
import type { Store } from '../store/store.js';
import type { Token } from '../store/tables.js';
import type { Transaction } from '../store/transaction.js';
import {
  ADMIN,
  type ConfiguredToken,
  configuredKey,
  createKnownTokens,
  expiryOf,
  type Judged,
  type KnownToken,
  madeKey,
} from './known-tokens.js';
import type { TokenUse, TokenUses } from './token-use.js';

export interface TokenFacts {
  name: string;
  role: KnownToken['role'];
  projects: readonly string[] | null;
  source: 'made' | 'cluster.toml' | 'cluster.token';
  /** Null: of cluster.toml. */
  row: Token | null;
  expiresAtMs: number | null;
  lastUse: TokenUse | null;
  /** It can be guessed. */
  isWeak: boolean;
}

export interface TokensOptions {
  store: Store;
  configured: () => readonly ConfiguredToken[];
  uses: TokenUses;
  caFingerprint: string;
  /** Puts the admin's new text into its file, whole or not at all; answers with how to put the old one back. */
  writeAdmin: (text: string) => () => void;
  nowMs: () => number;
}

/** For this long a token that is good no more is still listed, and its bearer told what became of it. */
const KEPT_MS = 30 * 86_400_000;
/** What a timer of Node holds. */
const LONGEST_MS = 2 ** 31 - 1;

export type Tokens = ReturnType<typeof createTokens>;

export function createTokens(options: TokensOptions) {
  const { store, configured, uses, caFingerprint, nowMs } = options;
  const known = createKnownTokens(store, configured);
  const attendance = createAttendance(
    (token) => known.isLive(token, nowMs()),
    () => known.nextExpiryMs(nowMs()),
    nowMs,
  );
  const change = <T>(body: (tx: Transaction) => T): T => {
    store.requireRoom();
    try {
      return store.write(body);
    } finally {
      known.changed();
      attendance.look();
    }
  };
  const put = (tx: Transaction, token: Token, what: string, by: string): Token => {
    tx.putToken(token);
    tellEvent(tx, nowMs(), token, `${what} by ${by}`);
    return token;
  };
  const factsOf = (row: Token): TokenFacts => ({
    ...{ name: row.name, role: row.role, projects: row.projects, row },
    source: row.name === ADMIN ? 'cluster.token' : 'made',
    expiresAtMs: expiryOf(row),
    lastUse: uses.last(madeKey(row.name)),
    isWeak: false,
  });

  return {
    caFingerprint,
    judge: (text: string): Judged => known.judge(text, nowMs()),
    isNamed: known.isNamed,
    isLive: (token: KnownToken): boolean => known.isLive(token, nowMs()),
    used: (token: KnownToken, from: string): void => uses.note(token.key, { atMs: nowMs(), from }),
    /** Calls `onEnd` when the token is good no more; returns how to leave. */
    attend: attendance.attend,
    /** cluster.toml was read again. */
    changed(): void {
      known.changed();
      attendance.look();
    },
    list: (): TokenFacts[] => [
      ...store.tokens().map(factsOf),
      ...configured().map(
        ({ name, role, projects, isWeak = false }): TokenFacts => ({
          ...{ name, role, projects, source: 'cluster.toml', row: null, expiresAtMs: null, isWeak },
          lastUse: uses.last(configuredKey(name)),
        }),
      ),
    ],
    create({ name, role, projects, ttl_secs }: CreateToken, by: string): { facts: TokenFacts; text: string } {
      if (role === 'admin' && projects)
        throw new OrcaError('BODY_INVALID', 'projects: an admin is one of all projects', {
          hint: 'Make a deployer or a viewer of these projects.',
        });
      const row = change((tx) => {
        refuseTaken(tx, name, configured());
        forgetOld(tx, nowMs());
        const id = freeId(tx);
        const made = aToken({ name, role, projects: projects ?? null, by, nowMs: nowMs() }, id);
        const ttlMs = ttl_secs === null || ttl_secs === undefined ? null : ttl_secs * 1_000;
        const token = put(tx, { ...made.row, ttlMs }, 'made', by);
        return { token, secret: made.secret };
      });
      uses.forget(madeKey(name));
      return { facts: factsOf(row.token), text: formatToken(row.token.id ?? '', row.secret, caFingerprint) };
    },
    revoke(name: string, by: string): void {
      change((tx) => {
        const token = findToken(tx, name, configured());
        if (name === ADMIN)
          throw new OrcaError('CONFLICT', `"${ADMIN}" is the token of the home, and always there`, {
            hint: `Give it another value: \`orca token rotate ${ADMIN}\`.`,
          });
        if (token.revokedAtMs === null)
          put(tx, { ...token, revokedAtMs: nowMs(), previous: null }, 'revoked', by);
      });
    },
    /** A new value; the old one is good for `overlapMs` more. It lasts as long as the old one was made to. */
    rotate(name: string, overlapMs: number, by: string): { facts: TokenFacts; text: string } {
      const now = nowMs();
      let undo = (): void => undefined;
      const rotated = (tx: Transaction) => {
        const before = findToken(tx, name, configured());
        if (before.revokedAtMs !== null)
          throw new OrcaError('CONFLICT', `the token "${name}" was revoked, and stays so`, {
            hint: 'Make another with `orca token create`.',
          });
        const id = before.id ?? freeId(tx);
        const secret = newSecret();
        const made = formatToken(id, secret, caFingerprint);
        const previous = overlapMs > 0 ? { hash: before.hash, untilMs: now + overlapMs } : null;
        const after = { ...before, id, hash: hashOf(made), createdAtMs: now, previous };
        // In the file before the old value dies: a start takes the file for right, whatever the store says.
        if (name === ADMIN) undo = options.writeAdmin(made);
        return { text: made, row: put(tx, after, 'rotated', by) };
      };
      try {
        const { text, row } = change(rotated);
        return { facts: factsOf(row), text };
      } catch (error) {
        undo();
        throw error;
      }
    },
    stop(): void {
      attendance.stop();
      uses.stop();
    },
  };
}

/** Who reads along with which token; looks at all of them when one of them may be good no more. */
function createAttendance(
  isLive: (token: KnownToken) => boolean,
  nextExpiryMs: () => number | null,
  nowMs: () => number,
) {
  const readers = new Set<{ token: KnownToken; onEnd: () => void }>();
  let timer: NodeJS.Timeout | null = null;
  const look = (): void => {
    if (timer) clearTimeout(timer);
    timer = null;
    for (const reader of readers)
      if (!isLive(reader.token)) {
        readers.delete(reader);
        reader.onEnd();
      }
    const atMs = readers.size === 0 ? null : nextExpiryMs();
    if (atMs !== null) timer = setTimeout(look, Math.min(atMs - nowMs() + 1, LONGEST_MS)).unref();
  };
  return {
    look,
    attend(token: KnownToken, onEnd: () => void): () => void {
      if (!isLive(token)) onEnd();
      const reader = { token, onEnd };
      readers.add(reader);
      if (timer === null) look();
      return () => void readers.delete(reader);
    },
    stop: (): void => {
      if (timer) clearTimeout(timer);
      readers.clear();
    },
  };
}

/** The row of the admin's own token, whose text its file has. */
export function adminRow(store: Reader, text: string): Token {
  const before = store.token(ADMIN);
  const hash = hashOf(text);
  const made = { name: ADMIN, role: 'admin', projects: null, createdBy: 'orca', ttlMs: null } as const;
  const rest = { id: parseToken(text)?.id ?? null, hash, revokedAtMs: null };
  const isSame = before?.hash === hash;
  const previous = isSame ? (before.previous ?? null) : null;
  return { ...made, ...rest, createdAtMs: isSame ? before.createdAtMs : Date.now(), previous };
}

/** A text for the admin's file. */
export const newAdminText = (caFingerprint: string): string =>
  formatToken(randomBytes(5).toString('hex'), newSecret(), caFingerprint);

function aToken(
  {
    name,
    role,
    projects,
    by,
    nowMs,
  }: { name: string; role: Token['role']; projects: string[] | null; by: string; nowMs: number },
  id: string,
): { row: Token; secret: string } {
  const secret = newSecret();
  const hash = hashOf(formatToken(id, secret, '0'.repeat(64)));
  const times = { createdBy: by, createdAtMs: nowMs, ttlMs: null, revokedAtMs: null, previous: null };
  return { row: { name, id, hash, role, projects, ...times }, secret };
}

const newSecret = (): string => randomBytes(32).toString('base64url');

/** Without the fingerprint, which is no part of what is proved. */
const hashOf = (text: string): string => hashSecret(parseToken(text)?.core ?? text);

function findToken(tx: Transaction, name: string, configured: readonly ConfiguredToken[]): Token {
  const token = tx.token(name);
  if (token) return token;
  if (configured.some((one) => one.name === name))
    throw new OrcaError('CONFLICT', `the token "${name}" is one of cluster.toml`, {
      hint: 'Change it there, under [[token]], and run `orca reload`.',
    });
  throw new OrcaError('NOT_FOUND', `there is no token "${name}"`, {
    hint: 'See `orca token list` for the tokens there are.',
  });
}

function refuseTaken(tx: Transaction, name: string, configured: readonly ConfiguredToken[]): void {
  const before = tx.token(name);
  const isOver = before?.revokedAtMs !== null && before?.revokedAtMs !== undefined;
  if ((!before || isOver) && name !== ADMIN && !configured.some((one) => one.name === name)) return;
  throw new OrcaError('CONFLICT', `there is a token "${name}" already`, {
    hint: 'Take another --name, or give it another value with `orca token rotate`.',
  });
}

function forgetOld(tx: Transaction, nowMs: number): void {
  for (const token of tx.tokens()) {
    const overSinceMs = token.revokedAtMs ?? expiryOf(token) ?? nowMs;
    if (nowMs - overSinceMs > KEPT_MS) tx.deleteToken(token.name);
  }
}

function freeId(reader: Reader): string {
  for (;;) {
    const id = randomBytes(5).toString('hex');
    if (!reader.tokens().some((token) => token.id === id)) return id;
  }
}

function tellEvent(tx: Transaction, atMs: number, { name, role, projects }: Token, what: string): void {
  const of = projects === null ? role : `${role} of ${projects.join(', ')}`;
  const message = `token "${name}" (${of}): ${what}`;
  tx.addEvent({
    atMs,
    kind: `token.${what.split(' ')[0]}`,
    service: null,
    node: null,
    rollout: null,
    message,
  });
}
