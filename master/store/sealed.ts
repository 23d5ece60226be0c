/**
 * What in the store is sealed with the master's key: every text in a property whose name begins with `sealed`, wherever it is, for that very
 * place. Nothing has to be listed for a new kind of record, so that a new key of the master never leaves one behind.
 */
import { valueId } from '../../shared/secret-reference.js';
import type { Table } from './database.js';
import type { SecretRecord, Tables } from './tables.js';

/** `bind`: what it is sealed for; `where`: in words. */
export type Reseal = (sealed: string, bind: string, where: string) => string;

/** What the value of a secret is sealed for: in the place of another it can't be read. */
export const bindOfSecret = (key: string, version: string): string => `${SECRET}${valueId(key, version)}`;

/** And any other text: for its place in the store. `path`: from the row to it, its own name last. */
export const bindOfRow = (table: keyof Tables, key: string, ...path: string[]): string =>
  `row:${JSON.stringify([table, key, ...path])}`;

/** In the home once everything that is sealed is bound to its place. It speaks of the store beside it, and goes with that (`backup/swap.ts`). */
export const BOUND_FILE = 'sealed.bound';

const SECRET = 'secret:';
/** Values of secrets were sealed for their place in every version. */
export const wasAlwaysBound = (bind: string): boolean => bind.startsWith(SECRET);

export interface Resealed {
  table: Table<unknown>;
  key: string;
  value: unknown;
}

/** The rows that hold something sealed, as they are with `change`. */
export function resealed(tables: Tables, change: Reseal): Resealed[] {
  return Object.entries(tables as unknown as Record<string, Table<unknown>>).flatMap(([name, table]) =>
    table.keys().flatMap((key) => {
      const before = table.get(key);
      const value =
        name === 'secrets'
          ? ofSecret(key, before as SecretRecord, change)
          : within(before, [], (sealed, path) =>
              change(sealed, bindOfRow(name as keyof Tables, key, ...path), `${name} ${key}`),
            );
      return value === before ? [] : [{ table, key, value }];
    }),
  );
}

function ofSecret(key: string, secret: SecretRecord, change: Reseal): SecretRecord {
  const values = secret.values.map((one) => ({
    ...one,
    sealed: change(one.sealed, bindOfSecret(key, one.version), `secret ${valueId(key, one.version)}`),
  }));
  return { ...secret, values };
}

/** As the keyring seals, now or before: a user's own word under such a name (a label, a variable) is none. */
const isSealed = (text: string): boolean => /^(2\.[0-9a-f]{12}\.)?[A-Za-z0-9+/]{38,}={0,2}$/.test(text);

/** The same object where nothing in it is sealed. */
function within(
  value: unknown,
  at: readonly string[],
  change: (sealed: string, path: readonly string[]) => string,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, of]): [string, unknown, boolean] => {
    const path = [...at, key];
    const isText = key.startsWith('sealed') && typeof of === 'string' && isSealed(of);
    const next = isText ? change(of, path) : within(of, path, change);
    return [key, next, next !== of];
  });
  if (!entries.some(([, , isNew]) => isNew)) return value;
  if (Array.isArray(value)) return entries.map(([, next]) => next);
  return Object.fromEntries(entries.map(([key, next]) => [key, next]));
}
