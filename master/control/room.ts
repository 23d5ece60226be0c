/**
 * What is taken of each node, kept as services and nodes change, so that a service's view of all nodes costs little more
 * than the nodes that it is on itself.
 */
import type { Node } from '../../shared/model.js';
import type { Traffic } from '../../shared/protocol.js';
import type { NodeView, ServiceState } from '../plan/snapshot.js';

export interface Room {
  /** Counts the service as it is now; what was counted of it before is forgotten. */
  count(state: ServiceState): void;
  forget(service: string): void;
  /** The node as it is now; null: there is none any more. */
  know(id: string, node: Node | null): void;
  /** Keys of the services that have allocations on the node. */
  servicesOn(node: string): string[];
  /** The nodes with what others than the service have taken of them, and no traffic but the service's own. */
  views(of: ServiceState | null): NodeView[];
}

type Taken = Omit<NodeView, 'node'>;

const nothing = (): Taken => ({ allocations: 0, hostPorts: [], memoryBytes: 0, cpus: 0 });

export function createRoom(): Room {
  /** node → service → what it has taken there. */
  const taken = new Map<string, Map<string, Taken>>();
  const nodesOf = new Map<string, string[]>();
  const nodes = new Map<string, Node>();
  /** What all of it is to a service that has nothing there: shared by those, and made again where it changed. */
  let whole: NodeView[] = [];
  const places = new Map<string, number>();
  const stale = new Set<string>();
  const ingresses = new Set<string>();
  const traffics = new WeakMap<Node, Map<string, Traffic>>();

  const forget = (service: string): void => {
    for (const node of nodesOf.get(service) ?? []) {
      taken.get(node)?.delete(service);
      stale.add(node);
    }
    nodesOf.delete(service);
  };
  const viewOf = (node: Node, except: string | null): NodeView => {
    const view = { node, ...nothing() };
    for (const [service, used] of taken.get(node.id) ?? []) if (service !== except) add(view, used);
    return view;
  };
  const refresh = (): void => {
    if (places.size !== nodes.size) {
      whole = [...nodes.values()].map((node) => viewOf(node, null));
      places.clear();
      for (const [place, { node }] of whole.entries()) places.set(node.id, place);
    } else
      for (const id of stale) {
        const place = places.get(id);
        const node = nodes.get(id);
        if (place !== undefined && node) whole[place] = viewOf(node, null);
      }
    stale.clear();
  };
  const trafficOn = (node: Node): Map<string, Traffic> => {
    const known = traffics.get(node) ?? new Map(node.ingressObserved?.traffic.map((t) => [t.allocation, t]));
    traffics.set(node, known);
    return known;
  };
  return {
    forget,
    count(state) {
      const { key } = state.service;
      forget(key);
      const used = usedBy(state);
      nodesOf.set(key, [...used.keys()]);
      for (const [node, amount] of used) {
        taken.set(node, (taken.get(node) ?? new Map<string, Taken>()).set(key, amount));
        stale.add(node);
      }
    },
    know(id, node) {
      stale.add(id);
      if (node?.ingressObserved) ingresses.add(id);
      else ingresses.delete(id);
      if (node) nodes.set(id, node);
      else nodes.delete(id);
      if (node && places.has(id)) return;
      places.clear();
      whole = [];
    },
    servicesOn: (node) => [...(taken.get(node)?.keys() ?? [])],
    views(of) {
      refresh();
      const views = [...whole];
      if (of === null) return views;
      const { key } = of.service;
      const replace = (id: string, make: (view: NodeView) => NodeView): void => {
        const place = places.get(id) ?? -1;
        const view = views[place];
        if (view) views[place] = make(view);
      };
      for (const id of nodesOf.get(key) ?? []) replace(id, ({ node }) => viewOf(node, key));
      for (const id of ingresses)
        replace(id, (view) => ({ ...view, node: narrowed(view.node, trafficOn(view.node), of) }));
      return views;
    },
  };
}

function usedBy({ releases, allocations }: ServiceState): Map<string, Taken> {
  const containers = new Map(releases.map((release) => [release.number, release.spec.container]));
  const used = new Map<string, Taken>();
  for (const { node, release } of allocations) {
    const container = containers.get(release);
    const sum = used.get(node) ?? nothing();
    used.set(node, sum);
    add(sum, {
      allocations: 1,
      hostPorts: container?.extraPorts.map((port) => port.host) ?? [],
      memoryBytes: container?.resources.memoryBytes ?? 0,
      cpus: container?.resources.cpus ?? 0,
    });
  }
  return used;
}

function add(sum: Taken, more: Taken): void {
  sum.allocations += more.allocations;
  sum.hostPorts.push(...more.hostPorts);
  sum.memoryBytes += more.memoryBytes;
  sum.cpus += more.cpus;
}

/** An ingress node speaks of every allocation of the cluster; a service's plan depends on its own only. */
function narrowed(node: Node, traffic: ReadonlyMap<string, Traffic>, { allocations }: ServiceState): Node {
  if (!node.ingressObserved) return node;
  const own = allocations.flatMap(({ id }) => traffic.get(id) ?? []);
  return { ...node, ingressObserved: { ...node.ingressObserved, traffic: own } };
}
