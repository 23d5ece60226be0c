/**
 * The version of the store's schema: written at creation, raised by the migrations in order, each in one transaction.
 * A store of a newer version is refused, never guessed at.
 */
import { OrcaError } from '../../shared/errors.js';
import type { Environment } from './database.js';
import { KNOWN_SINCE } from './hold.js';
import { migrateCanaries } from './migrate-canaries.js';
import { migratePresence } from './migrate-presence.js';
import { migrateSecrets } from './migrate-secrets.js';
import { migrateStandingRollouts } from './migrate-standing-rollouts.js';
import { migrateTakenCanaries } from './migrate-taken-canaries.js';
import type { Tables } from './tables.js';

/** `migrations[n]` brings version n + 1 to n + 2. Append only; never change one that was released. */
export const migrations: readonly ((tables: Tables) => void)[] = [
  migrateCanaries,
  migrateTakenCanaries,
  migrateStandingRollouts,
  migratePresence,
  migrateSecrets,
  // 7: new tables alone.
  () => undefined,
  // 8: what is sealed is bound to its place, by the keyring; an earlier master would open none of it.
  () => undefined,
];

/** The version of the schema that this Orca writes. */
export const SCHEMA = migrations.length + 1;

const versionKey = 'schema-version';

/** Brings the store to the newest version. Throws STORE_TOO_NEW for one that a later Orca wrote. */
export function migrate(env: Environment, tables: Tables, steps = migrations): void {
  const newest = steps.length + 1;
  const stored = tables.meta.get(versionKey);
  const version = typeof stored === 'number' ? stored : null;
  if (version !== null && version > newest)
    throw new OrcaError(
      'STORE_TOO_NEW',
      `the store has schema ${version}; this version of Orca knows up to ${newest}`,
    );
  if (version === newest) return;
  env.transaction(() => {
    if (version === null) tables.meta.put(KNOWN_SINCE, Date.now());
    else for (const step of steps.slice(version - 1)) step(tables);
    tables.meta.put(versionKey, newest);
  });
}
