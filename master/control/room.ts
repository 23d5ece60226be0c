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
  /** Keys of the services that have allocations on the node. */
  servicesOn(node: string): string[];
  /** The nodes with what others than the service have taken of them, and no traffic but the service's own. */
  views(nodes: readonly Node[], of: ServiceState | null): NodeView[];
}

type Taken = Omit<NodeView, 'node'>;

const nothing = (): Taken => ({ allocations: 0, hostPorts: [], memoryBytes: 0, cpus: 0 });

export function createRoom(): Room {
  /** node → service → what it has taken there. */
  const taken = new Map<string, Map<string, Taken>>();
  const nodesOf = new Map<string, string[]>();
  const wholeViews = new Map<string, NodeView>();
  const traffics = new WeakMap<Node, Map<string, Traffic>>();

  const forget = (service: string): void => {
    for (const node of nodesOf.get(service) ?? []) {
      taken.get(node)?.delete(service);
      wholeViews.delete(node);
    }
    nodesOf.delete(service);
  };
  const viewOf = (node: Node, except: string | null): NodeView => {
    const view = { node, ...nothing() };
    for (const [service, used] of taken.get(node.id) ?? []) if (service !== except) add(view, used);
    return view;
  };
  /** Shared by all services that have nothing on the node. */
  const wholeView = (node: Node): NodeView => {
    const known = wholeViews.get(node.id);
    if (known?.node === node) return known;
    const view = viewOf(node, null);
    wholeViews.set(node.id, view);
    return view;
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
        wholeViews.delete(node);
      }
    },
    servicesOn: (node) => [...(taken.get(node)?.keys() ?? [])],
    views: (nodes, of) =>
      nodes.map((node) => {
        const isOn = of !== null && taken.get(node.id)?.has(of.service.key);
        const view = isOn ? viewOf(node, of.service.key) : wholeView(node);
        return of !== null && node.ingressObserved
          ? { ...view, node: narrowed(node, trafficOn(node), of) }
          : view;
      }),
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
