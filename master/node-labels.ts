/** The labels of nodes. */
import type { NodeFacts } from '../shared/protocol.js';
import type { MasterSettings } from './settings.js';
import type { Reader } from './store/reader.js';
import type { Store } from './store/store.js';

/** Those of the token that it joined with, and over them those of cluster.toml. */
export function labelsOf(
  reader: Reader,
  settings: MasterSettings,
  id: string,
  facts: NodeFacts,
): Record<string, string> {
  const named = settings.nodes.filter((n) => n.name === facts.name || n.address === facts.address);
  return Object.assign({}, reader.identity(id)?.labels, ...named.map((n) => n.labels));
}

/** After cluster.toml was read again. */
export function relabel(store: Store, settings: MasterSettings): void {
  store.write((tx) => {
    for (const node of tx.nodes())
      tx.putNode({ ...node, labels: labelsOf(tx, settings, node.id, node.facts) });
  });
}
