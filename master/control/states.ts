/**
 * The services as the planner wants them, read once and kept until they change: one place in memory where a pass, an
 * assignment and a status find a service with its releases, open rollout and allocations, and what each node has taken.
 */
import type { Node } from '../../shared/model.js';
import type { NodeView, ServiceCurrent, ServiceSnapshot, ServiceState } from '../plan/snapshot.js';
import type { Store } from '../store/store.js';
import { KEPT_ROLLOUTS } from '../store/transaction.js';

export interface States {
  /** Null when there is no such service. */
  get(key: string): ServiceState | null;
  /** All services, in the order of their keys. */
  all(): ServiceState[];
  /** What a user's request is judged by. */
  current(key: string): ServiceCurrent | null;
  snapshot(key: string): ServiceSnapshot | null;
  /** Services of the same project that wait for this one. */
  dependents(key: string): string[];
  /** What others than `except` have taken of each node. */
  nodeViews(except: string | null): NodeView[];
}

interface Taken {
  allocations: number;
  hostPorts: number[];
  memoryBytes: number;
  cpus: number;
}

export function createStates(store: Store): States {
  const states = new Map<string, ServiceState>();
  /** node → service → what it has taken there. */
  const taken = new Map<string, Map<string, Taken>>();

  const forget = (key: string): void => {
    states.delete(key);
    for (const services of taken.values()) services.delete(key);
  };
  const load = (key: string): ServiceState | null => {
    forget(key);
    const service = store.service(key);
    if (!service) return null;
    const state: ServiceState = {
      service,
      releases: store.releases(key),
      rollout: store.activeRollout(key) ?? null,
      allocations: store.allocations(key),
    };
    states.set(key, state);
    addTaken(taken, state);
    return state;
  };
  const stale = new Set(store.serviceKeys());
  store.watch((changes) => {
    for (const key of changes.services) stale.add(key);
  });
  let sorted: ServiceState[] | null = null;
  const refresh = (): void => {
    if (stale.size > 0) sorted = null;
    for (const key of stale) load(key);
    stale.clear();
  };

  const get = (key: string): ServiceState | null => {
    refresh();
    return states.get(key) ?? null;
  };
  const all = (): ServiceState[] => {
    refresh();
    sorted ??= [...states.values()].sort((a, b) => (a.service.key < b.service.key ? -1 : 1));
    return sorted;
  };
  const nodeViews = (except: string | null): NodeView[] => {
    refresh();
    return store.nodes().map((node) => nodeView(node, taken.get(node.id), except));
  };
  const siblingsOf = (state: ServiceState): ServiceState[] =>
    all().filter((s) => s.service.project === state.service.project && s !== state);
  return {
    get,
    all,
    nodeViews,
    current: (key) => {
      const state = get(key);
      if (!state) return null;
      return {
        ...state,
        history: store.rollouts(key, KEPT_ROLLOUTS + 1).filter((r) => r.endedAtMs !== null),
      };
    },
    snapshot: (key) => {
      const state = get(key);
      if (!state) return null;
      const siblings =
        state.service.spec.dependsOn.length === 0 && !state.rollout?.spec.dependsOn.length
          ? []
          : siblingsOf(state).map((s) => ({ name: s.service.name, ready: readyOf(s) }));
      return { ...state, nodes: nodeViews(key), siblings };
    },
    dependents: (key) => {
      const state = get(key);
      if (!state) return [];
      return siblingsOf(state)
        .filter((s) => s.service.spec.dependsOn.includes(state.service.name))
        .map((s) => s.service.key);
    },
  };
}

const readyOf = (state: ServiceState): number =>
  state.allocations.filter((a) => a.observed?.state === 'ready' && a.desired !== 'stopped').length;

function addTaken(taken: Map<string, Map<string, Taken>>, state: ServiceState): void {
  const containers = new Map(state.releases.map((r) => [r.number, r.spec.container]));
  for (const { node, release } of state.allocations) {
    const container = containers.get(release);
    const services = taken.get(node) ?? new Map<string, Taken>();
    taken.set(node, services);
    const before = services.get(state.service.key) ?? {
      allocations: 0,
      hostPorts: [],
      memoryBytes: 0,
      cpus: 0,
    };
    services.set(state.service.key, {
      allocations: before.allocations + 1,
      hostPorts: [...before.hostPorts, ...(container?.extraPorts.map((p) => p.host) ?? [])],
      memoryBytes: before.memoryBytes + (container?.resources.memoryBytes ?? 0),
      cpus: before.cpus + (container?.resources.cpus ?? 0),
    });
  }
}

function nodeView(node: Node, services: Map<string, Taken> | undefined, except: string | null): NodeView {
  const view: NodeView = { node, allocations: 0, hostPorts: [], memoryBytes: 0, cpus: 0 };
  for (const [key, used] of services ?? []) {
    if (key === except) continue;
    view.allocations += used.allocations;
    view.hostPorts.push(...used.hostPorts);
    view.memoryBytes += used.memoryBytes;
    view.cpus += used.cpus;
  }
  return view;
}
