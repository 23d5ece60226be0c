/** A plan in words, for `orca deploy --dry-run` and `orca diff`. PURE. */
import type { Begun, NodeView, ServiceCurrent } from './snapshot.js';

/** The steps that would follow, a sentence each; empty for `none`. */
export function explain(
  _begun: Begun,
  _current: ServiceCurrent | null,
  _nodes: readonly NodeView[],
): string[] {
  return [];
}
