/**
 * On which node an allocation goes: an eligible one, with the fewest copies of the service that stay, then the fewest that are
 * there, then the fewest of all. So an update ends as evenly spread as a first deploy, whatever it replaces.
 */
import type { Allocation, Node, Release } from '../../shared/model.js';
import { type Need, refusalOf, sumUp } from './filters.js';
import type { NodeView } from './snapshot.js';

export type Placement = { node: Node; refusal: null } | { node: null; refusal: string };

/** What the service's own allocations take of the nodes. */
export interface Own {
  allocation: Pick<Allocation, 'node'>;
  release: Release | null;
}

/**
 * Chooses a node for one more allocation; `staying` are those of the service that are there or just being made, `going`
 * those that take room until they are replaced or have drained.
 */
export function place(
  need: Need,
  nodes: readonly NodeView[],
  staying: readonly Own[],
  going: readonly Own[] = [],
): Placement {
  const own = [...staying, ...going];
  const counted = nodes.map((view) => ({
    view: withOwn(view, own),
    stay: copiesOn(view.node.id, staying),
    copies: copiesOn(view.node.id, own),
  }));
  const eligible = counted.filter(({ view }) => refusalOf(view, need) === null);
  const [best] = eligible.sort(
    (a, b) =>
      a.stay - b.stay ||
      a.copies - b.copies ||
      a.view.allocations - b.view.allocations ||
      compare(a.view.node.id, b.view.node.id),
  );
  if (best) return { node: best.view.node, refusal: null };
  return { node: null, refusal: sumUp(counted.map(({ view }) => refusalOf(view, need) ?? '')) };
}

function withOwn(view: NodeView, own: readonly Own[]): NodeView {
  const here = own.filter((o) => o.allocation.node === view.node.id);
  const containers = here.flatMap((o) => (o.release ? [o.release.spec.container] : []));
  return {
    node: view.node,
    allocations: view.allocations + here.length,
    hostPorts: [...view.hostPorts, ...containers.flatMap((c) => c.extraPorts.map((port) => port.host))],
    memoryBytes: containers.reduce((sum, c) => sum + (c.resources.memoryBytes ?? 0), view.memoryBytes),
    cpus: containers.reduce((sum, c) => sum + (c.resources.cpus ?? 0), view.cpus),
  };
}

function copiesOn(nodeId: string, own: readonly Own[]): number {
  return own.filter((o) => o.allocation.node === nodeId).length;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
