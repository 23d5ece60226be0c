/** What the API asks of who knows tokens, and of who keeps the audit trail. Implemented by control, put together in access. */
import type { AuditDraft, AuditEntry, AuditVerdict } from '../../shared/api-audit.js';
import type { CreateToken, Role } from '../../shared/api-tokens.js';
import type { OrcaError } from '../../shared/errors.js';
import type { AuditMark, Token } from '../store/tables.js';

/** Who calls. */
export interface Caller {
  key: string;
  name: string;
  role: Role;
  /** Null: all. */
  projects: readonly string[] | null;
  /** SHA-256 (hex) of what was shown. */
  hash: string;
  expiresAtMs: number | null;
}

export type Judged =
  | { ok: true; token: Caller }
  /** `isGuess`: it was never a token here. */
  | { ok: false; isGuess: boolean; refusal: OrcaError };

export interface TokenFacts {
  name: string;
  role: Role;
  projects: readonly string[] | null;
  source: 'made' | 'cluster.toml' | 'cluster.token';
  row: Token | null;
  expiresAtMs: number | null;
  lastUse: { atMs: number; from: string } | null;
  /** It can be guessed. */
  isWeak: boolean;
}

/** Refusals are OrcaErrors and have changed nothing. */
export interface Tokens {
  caFingerprint: string;
  judge(text: string): Judged;
  /** It has the id of one that was made, and so is not to be guessed. */
  isNamed(text: string): boolean;
  /** Whether it would still be taken. */
  isLive(token: Caller): boolean;
  used(token: Caller, from: string): void;
  /** Calls `onEnd` when it is good no more; returns how to leave. */
  attend(token: Caller, onEnd: () => void): () => void;
  list(): TokenFacts[];
  create(request: CreateToken, by: string): { facts: TokenFacts; text: string };
  revoke(name: string, by: string): void;
  rotate(name: string, overlapMs: number, by: string): { facts: TokenFacts; text: string };
}

export type Act = Pick<AuditDraft, 'kind' | 'by' | 'from' | 'via' | 'action' | 'path'>;

export interface Audit {
  /** Runs what somebody asked for; its entry is on disk when it resolves. */
  during<T>(act: Act, run: () => Promise<T>): Promise<T>;
  refused(act: Act, error: unknown): void;
  read(query: { since: string | null; by: string | null; limit: number }): Promise<AuditEntry[]>;
  /** Behind that number, oldest first, some at a time. */
  after(number: number): AuditEntry[];
  verify(kept: AuditMark | null): Promise<AuditVerdict>;
}

export interface Access {
  tokens: Tokens;
  audit: Audit;
}
