/** What is decided of a node outside its own reports: its role, and its labels. */
import type { Node } from '../../shared/model.js';
import type { NodeFacts } from '../../shared/protocol.js';
import type { Reader } from '../store/reader.js';
import type { Store } from '../store/store.js';

/** A `[[node]]` of cluster.toml. */
export interface ConfiguredNode {
  name: string | null;
  address: string | null;
  labels: Record<string, string>;
}

export interface DescribeNode {
  /** Labels are those it joined with or was given, and over them those of cluster.toml, by the name that it joined with. */
  describe(
    reader: Reader,
    id: string,
    facts: Pick<NodeFacts, 'name' | 'address'>,
  ): Pick<Node, 'ingress' | 'labels'>;
  /** The labels that cluster.toml gives it. */
  configured(facts: Pick<NodeFacts, 'name' | 'address'>): Record<string, string>;
  /** Writes what a changed configuration says of every node. */
  again(store: Store): void;
}

/** `localId`: the master's own node, which is an ingress unless somebody said otherwise. */
export function createDescribeNode(
  configuredNodes: () => readonly ConfiguredNode[],
  localId: () => string,
): DescribeNode {
  const configured: DescribeNode['configured'] = ({ name, address }) => {
    const named = configuredNodes().filter((n) => n.name === name || n.address === address);
    return Object.assign({}, ...named.map((n) => n.labels));
  };
  const describe: DescribeNode['describe'] = (reader, id, facts) => {
    const identity = reader.identity(id);
    return {
      ingress: identity?.isIngress ?? id === localId(),
      labels: { ...identity?.labels, ...configured({ ...facts, name: identity?.name ?? facts.name }) },
    };
  };
  return {
    describe,
    configured,
    again: (store) =>
      store.write((tx) => {
        for (const node of tx.nodes()) tx.putNode({ ...node, ...describe(tx, node.id, node.facts) });
      }),
  };
}
