/** Schema 4 → 5: a node has a presence; of what an older master knew, nothing is held against it. */
import type { Tables } from './tables.js';

export function migratePresence({ nodes }: Tables): void {
  for (const key of nodes.keys()) {
    const node = nodes.get(key);
    if (node !== undefined) nodes.put(key, { ...node, awaySinceMs: null, presence: 'present' });
  }
}
