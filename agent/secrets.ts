/**
 * The values of secrets on this node: which are kept, which a container still lacks, and its environment with them. An assignment
 * refers to them by id; only here, when a container is made, a value takes the place of its reference. Pure.
 */
import type { Assignment, SentSecrets } from '../shared/protocol.js';
import { expand, keyOfValue, namesIn, namesOf, secretWords } from '../shared/secret-reference.js';
import type { ContainerSpec } from '../shared/spec.js';

/**
 * What is kept under a new assignment: what it brings, and of what was there before the values that it needs and does not bring: a
 * master whose store was lost has none, and what runs here is to go on.
 */
export function keptSecrets(before: SentSecrets, next: Assignment): SentSecrets {
  const needed = new Set(next.allocations.flatMap(({ container }) => Object.values(container.secrets ?? {})));
  const sent = Object.entries(next.secrets ?? {}).filter(
    ([id, { value }]) => value !== null || !holds(before, id),
  );
  const known = Object.entries(before).filter(([id]) => needed.has(id));
  return Object.fromEntries([...known, ...sent]);
}

const holds = (secrets: SentSecrets, id: string): boolean => heldValue(secrets, id) !== undefined;

const heldValue = (secrets: SentSecrets, id: string): string | undefined =>
  Object.hasOwn(secrets, id) ? (secrets[id]?.value ?? undefined) : undefined;

/** The assignment as it may be remembered, told and logged: without values. */
export function withoutValues({ secrets: _, registries: __, ...assignment }: Assignment): Assignment {
  return assignment;
}

/** Why a container can't be made yet; null: all that it refers to is here. */
export function missingSecret(container: ContainerSpec, held: SentSecrets): string | null {
  const { secrets = {} } = container;
  for (const name of namesOf(container)) {
    const id = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    if (id === undefined) return `waits for the secret ${name}, which its release does not name`;
    if (holds(held, id)) continue;
    const reason = Object.hasOwn(held, id) ? held[id]?.reason : null;
    return `waits for the secret ${secretWords(keyOfValue(id))}: ${reason ?? 'the master has not sent it to this node yet'}`;
  }
  return null;
}

/** The environment as the container gets it. Throws when a value is missing. */
export function envWith({ env, secrets = {} }: ContainerSpec, held: SentSecrets): Record<string, string> {
  const find = (name: string): string | undefined =>
    Object.hasOwn(secrets, name) ? heldValue(held, secrets[name] ?? '') : undefined;
  return Object.fromEntries(Object.entries(env).map(([key, template]) => [key, expand(template, find)]));
}

/** A file that a container finds at `path`. */
export interface SecretFile {
  path: string;
  mode: number;
  value: string;
}

/** Throws when a value is missing. */
export function filesWith(
  { secretFiles = [], secrets = {} }: ContainerSpec,
  held: SentSecrets,
): SecretFile[] {
  return secretFiles.map(({ secret, path, mode }) => {
    const value = Object.hasOwn(secrets, secret) ? heldValue(held, secrets[secret] ?? '') : undefined;
    if (value === undefined) throw new Error(`the secret ${secret} for ${path} is not here`);
    return { path, mode, value };
  });
}

/** What a program may print is shorter than this, and no secret. */
const MIN_HIDDEN = 6;

/** The text with `***` in place of every value that is held: for words of Docker and of containers that are told on. */
export function hideValues(text: string, held: SentSecrets): string {
  const lines = Object.values(held).flatMap(({ value }) => [value ?? '', ...(value ?? '').split('\n')]);
  const hidden = [...new Set(lines)].filter((line) => line.trim().length >= MIN_HIDDEN);
  // The longest first: one may be the beginning of another.
  const longestFirst = hidden.sort((a, b) => b.length - a.length);
  return longestFirst.reduce((shown, line) => shown.replaceAll(line, '***'), text);
}

/** A password to be hidden, and what HTTP makes of it (RFC 7617): who was told it may say it again in an error. */
export const toldTo = (whom: string, user: string, password: string): SentSecrets => ({
  [whom]: { value: password, reason: null },
  [`${whom} header`]: { value: basicOf(`${user}:${password}`), reason: null },
});

export const basicOf = (text: string): string => Buffer.from(text).toString('base64');

/** The variables that refer to secrets, as they are written. */
export function referringEnv({ env }: ContainerSpec): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([, template]) => namesIn(template).length > 0));
}
