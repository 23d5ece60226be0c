/** Gathers from the store and the live sessions what the pure views need. */
import type { ApiEvent, RolloutFrame, ServiceStatus, StatusReply } from '../../shared/api.js';
import type { ClusterEvent } from '../../shared/model.js';
import type { Store } from '../store/store.js';
import { FALLBACK_NAME } from '../store/tables.js';
import { nodeStatus } from './node-view.js';
import type { Live, Settings } from './ports.js';
import { iso, rolloutSummary, type ServiceFacts, serviceStatus } from './status-view.js';

export interface Views {
  service(key: string): ServiceStatus | null;
  status(project: string | null): StatusReply;
  nodes(): StatusReply['nodes'];
  rollout(id: string): RolloutFrame | null;
}

export function createViews(store: Store, live: Live, settings: () => Settings): Views {
  const nodeFacts = cachedNodes(store);
  const service = (key: string): ServiceStatus | null => {
    const found = store.service(key);
    if (!found) return null;
    const { stable } = found.planned;
    return serviceStatus({
      service: found,
      stable: stable === null ? null : (store.release(key, stable) ?? null),
      rollout: store.rollouts(key, 1)[0] ?? null,
      allocations: store.allocations(key),
      ...nodeFacts(),
      heardAtMs: live.heardAtMs,
      inFlight: live.inFlight,
      httpsPort: settings().httpsPort,
    });
  };
  const nodes = (): StatusReply['nodes'] =>
    store.nodes().map((node) => {
      const held = store.meta(`held|${node.id}`);
      return nodeStatus({
        node,
        allocations: store.allocationsOn(node.id).length,
        heardAtMs: live.heardAtMs(node.id),
        heldRevision: typeof held === 'number' ? held : null,
      });
    });
  return {
    service,
    nodes,
    status: (project) => ({
      cluster_id: settings().cluster_id,
      cluster_name: settings().cluster_name,
      version: settings().version,
      services: store
        .serviceKeys()
        .filter((key) => project === null || key.startsWith(`${project}/`))
        .flatMap((key) => service(key) ?? []),
      nodes: nodes(),
      certificates: store
        .certificates()
        .filter(({ name }) => name !== FALLBACK_NAME)
        .map(({ name, notAfterMs }) => ({
          name,
          issuer: 'Orca cluster CA',
          expires_at: iso(notAfterMs),
          reason: null,
        })),
      observed_at: iso(Date.now()),
    }),
    rollout: (id) => {
      const found = store.rollout(id);
      return found ? { rollout: rolloutSummary(found), service: service(found.service) } : null;
    },
  };
}

/** All nodes and what their ingresses say of each allocation, read again only when a node changed. */
function cachedNodes(store: Store): () => Pick<ServiceFacts, 'nodes' | 'traffic'> {
  let cached: Pick<ServiceFacts, 'nodes' | 'traffic'> | null = null;
  store.watch((changes) => {
    if (changes.nodes.size > 0) cached = null;
  });
  return () => {
    if (cached) return cached;
    const nodes = new Map(store.nodes().map((node) => [node.id, node]));
    const traffic = [...nodes.values()].flatMap((node) => node.ingressObserved?.traffic ?? []);
    cached = { nodes, traffic: new Map(traffic.map((one) => [one.allocation, one])) };
    return cached;
  };
}

export function eventView(event: ClusterEvent): ApiEvent {
  const { number, kind, service, node, rollout, message } = event;
  return { number, at: iso(event.atMs), kind, service, node, rollout, message };
}
