/**
 * What a node that is removed while it is connected is told last: an assignment of nothing, which its agent keeps and carries out alone, so
 * that what Orca runs there stops in order and is reached by nobody. A node that is held was never this master's to stop.
 */
import type { Node } from '../../shared/model.js';
import type { Assignment } from '../../shared/protocol.js';

export interface Farewells {
  /** It is about to be removed. */
  note(node: Node, nowMs: number): void;
  /** And is told that, once. Null: nothing. */
  take(node: string): Assignment | null;
}

export function createFarewells(cluster: string): Farewells {
  const last = new Map<string, Assignment>();
  return {
    note({ id, revision, facts }, nowMs) {
      last.set(id, {
        ...{ type: 'assignment', cluster, revision: revision + 1, madeAtMs: nowMs },
        ...{ allocations: [], images: [], keep: [], ingress: null },
        ...(facts.carries === true ? { carry: { watch: [], fetch: [], serve: [] } } : {}),
      });
    },
    take(node) {
      const assignment = last.get(node) ?? null;
      last.delete(node);
      return assignment;
    },
  };
}
