/**
 * The services and nodes as the planner wants them, read once and kept until they change: one place in memory where a
 * pass, an assignment and a request find a service with its releases, open rollout and allocations.
 */
import type { Counted, Node } from '../../shared/model.js';
import type { NodeView, ServiceCurrent, ServiceSnapshot, ServiceState } from '../plan/snapshot.js';
import type { Store } from '../store/store.js';
import { KEPT_ROLLOUTS } from '../store/transaction.js';
import { createRoom } from './room.js';

export interface States {
  /** Null when there is no such service. */
  get(key: string): ServiceState | null;
  /** All services, in the order of their keys. */
  all(): ServiceState[];
  /** Services that have allocations on the node. */
  on(node: string): ServiceState[];
  nodes(): readonly Node[];
  node(id: string): Node | null;
  /** What a user's request is judged by. */
  current(key: string): ServiceCurrent | null;
  snapshot(key: string): ServiceSnapshot | null;
  /** Services of the same project that wait for this one. */
  dependents(key: string): string[];
  /** The nodes with what others than this service have taken of them. */
  nodeViews(except: string | null): NodeView[];
}

/** `figures`: what the ingress nodes have counted of a service. */
export function createStates(store: Store, figures: (key: string) => Counted[] = () => []): States {
  const states = new Map<string, ServiceState>();
  const room = createRoom();
  const nodes = new Map<string, Node>();
  /** Services that depend on others, or will. */
  const dependers = new Set<string>();
  const stale = { services: new Set(store.serviceKeys()), nodes: new Set(store.nodes().map((n) => n.id)) };
  let sorted: ServiceState[] | null = null;
  store.follow((changes) => {
    for (const key of [...changes.services, ...changes.explained]) stale.services.add(key);
    for (const id of changes.nodes) stale.nodes.add(id);
  });

  const load = (key: string): void => {
    const state = readState(store, key);
    if (state) {
      states.set(key, state);
      room.count(state);
      if (dependsOf(state).length > 0) dependers.add(key);
      else dependers.delete(key);
    } else {
      states.delete(key);
      room.forget(key);
      dependers.delete(key);
    }
  };
  const loadNode = (id: string): void => {
    const node = store.node(id);
    if (node) nodes.set(id, node);
    else nodes.delete(id);
    room.know(id, node ?? null);
  };
  const refresh = (): void => {
    if (stale.services.size > 0) sorted = null;
    for (const key of stale.services) load(key);
    for (const id of stale.nodes) loadNode(id);
    stale.services.clear();
    stale.nodes.clear();
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
  const siblingsOf = (state: ServiceState): ServiceState[] =>
    all().filter((s) => s.service.project === state.service.project && s !== state);
  const nodeViews = (except: string | null): NodeView[] => {
    refresh();
    return room.views(except === null ? null : (states.get(except) ?? null));
  };
  return {
    get,
    all,
    nodeViews,
    on: (node) => {
      refresh();
      return room.servicesOn(node).flatMap((key) => states.get(key) ?? []);
    },
    nodes: () => {
      refresh();
      return [...nodes.values()];
    },
    node: (id) => {
      refresh();
      return nodes.get(id) ?? null;
    },
    current: (key) => {
      const state = get(key);
      if (!state) return null;
      const history = store.rollouts(key, KEPT_ROLLOUTS + 1).filter((r) => r.endedAtMs !== null);
      return { ...state, history };
    },
    snapshot: (key) => {
      const state = get(key);
      if (!state) return null;
      const siblings = dependers.has(key)
        ? siblingsOf(state).map((s) => ({ name: s.service.name, ready: readyOf(s) }))
        : [];
      return { ...state, nodes: nodeViews(key), siblings, figures: state.rollout ? figures(key) : [] };
    },
    dependents: (key) => {
      const state = get(key);
      if (!state) return [];
      const { name, project } = state.service;
      return [...dependers].filter((other) => {
        const one = states.get(other);
        return one?.service.project === project && dependsOf(one).includes(name);
      });
    },
  };
}

function readState(store: Store, key: string): ServiceState | null {
  const service = store.service(key);
  if (!service) return null;
  return {
    service,
    releases: store.releases(key),
    rollout: store.activeRollout(key) ?? null,
    allocations: store.allocations(key),
  };
}

const dependsOf = ({ service, rollout }: ServiceState): string[] => [
  ...service.spec.dependsOn,
  ...(rollout?.spec.dependsOn ?? []),
];

const readyOf = (state: ServiceState): number =>
  state.allocations.filter(
    (a) => a.group !== 'job' && a.observed?.state === 'ready' && a.desired !== 'stopped',
  ).length;
