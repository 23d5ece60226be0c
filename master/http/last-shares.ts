/**
 * The canary share that each ingress last said to be in force. While records change an ingress says none, and until it has
 * said the next one the last is what was observed; a master that was just started knows what its store holds.
 */
import type { Node } from '../../shared/model.js';
import type { Store } from '../store/store.js';

/** By service, the share that every ingress has reached: of different ones the least. */
export function createLastShares(store: Store): () => ReadonlyMap<string, number> {
  const said = new Map<string, Map<string, number>>();
  const hear = ({ id, ingressObserved }: Node): void => {
    const shares = said.get(id) ?? new Map<string, number>();
    for (const { service, canaryWeight } of ingressObserved?.weights ?? []) shares.set(service, canaryWeight);
    said.set(id, shares);
  };
  for (const node of store.nodes()) hear(node);
  store.watch(({ nodes }) => {
    for (const id of nodes) {
      const node = store.node(id);
      if (node) hear(node);
      else said.delete(id);
    }
  });
  return () => {
    const least = new Map<string, number>();
    for (const shares of said.values())
      for (const [service, share] of shares) least.set(service, Math.min(share, least.get(service) ?? share));
    return least;
  };
}
