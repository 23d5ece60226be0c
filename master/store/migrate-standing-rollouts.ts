/** Schema 3 → 4: a rollout knows what it stands beside while it prepares, and what was in force before it; of older ones
 *  neither is known, and what they brought is in force already. */
import type { Tables } from './tables.js';

export function migrateStandingRollouts({ rollouts }: Tables): void {
  for (const key of rollouts.keys()) {
    const rollout = rollouts.get(key);
    if (rollout !== undefined)
      rollouts.put(key, { ...rollout, replaces: rollout.replaces ?? null, undo: rollout.undo ?? null });
  }
}
