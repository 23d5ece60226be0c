/** Schema 2 → 3: a rollout names the canary whose place it took; of older ones that is not known. */
import type { Tables } from './tables.js';

export function migrateTakenCanaries({ rollouts }: Tables): void {
  for (const key of rollouts.keys()) {
    const rollout = rollouts.get(key);
    if (rollout !== undefined) rollouts.put(key, { ...rollout, takesBack: rollout.takesBack ?? null });
  }
}
