/** Gathers from the store and the live sessions what the pure views need. */
import type { ApiEvent, RolloutFrame, ServiceStatus, StatusReply } from '../../shared/api.js';
import { byName } from '../../shared/by-name.js';
import { actingOf, type ClusterEvent, type Rollout, type Service } from '../../shared/model.js';
import { holdOf } from '../store/hold.js';
import type { Store } from '../store/store.js';
import { type CertificateFindings, certificateViews } from './certificate-views.js';
import { createLastShares } from './last-shares.js';
import { nodeStatus } from './node-view.js';
import { pendingOf } from './pending-view.js';
import type { Live, Settings } from './ports.js';
import { asItStands, iso, rolloutSummary } from './rollout-view.js';
import { trafficOf } from './routed.js';
import { type ServiceFacts, serviceStatus } from './status-view.js';
import type { ServiceTraffic } from './traffic-metrics.js';
import { byRelease, type ReleaseTraffic } from './traffic-view.js';

export interface Views {
  service(key: string): ServiceStatus | null;
  status(project: string | null): StatusReply;
  nodes(): StatusReply['nodes'];
  certificates(): StatusReply['certificates'];
  rollout(id: string): RolloutFrame | null;
  /** What was counted of every release that the ingresses still count. */
  traffic(): ServiceTraffic[];
}

export function createViews(
  store: Store,
  live: Live,
  settings: () => Settings,
  findings: CertificateFindings,
): Views {
  const nodeFacts = cachedNodes(store);
  const service = (key: string): ServiceStatus | null => {
    const found = store.service(key);
    if (!found) return null;
    const { stable } = found.planned;
    return serviceStatus({
      service: found,
      stable: stable === null ? null : (store.release(key, stable) ?? null),
      rollout: store.activeRollout(key) ?? store.rollouts(key, 1)[0] ?? null,
      allocations: store.allocations(key),
      ...nodeFacts(),
      figures: live.figures(key),
      heardAtMs: live.heardAtMs,
      inFlight: live.inFlight,
      httpPort: settings().httpPort,
      httpsPort: settings().httpsPort,
      pending: pendingOf(store, key),
      storeProblem: store.problem(),
    });
  };
  const nodes = (): StatusReply['nodes'] =>
    store
      .nodes()
      .map((node) =>
        nodeStatus({
          node,
          allocations: store.allocationsOn(node.id).length,
          heardAtMs: live.heardAtMs(node.id),
          hold: holdOf(store, node.id),
          conflict: live.conflict(node.id),
          certificateNotAfterMs: store.identity(node.id)?.notAfterMs ?? null,
        }),
      )
      .sort(byName);
  const certificates = (): StatusReply['certificates'] => certificateViews(store, findings, Date.now());
  return {
    service,
    nodes,
    certificates,
    traffic: () =>
      store.serviceKeys().flatMap((key) => {
        const sums = byRelease(live.figures(key));
        const found = sums.length === 0 ? undefined : store.service(key);
        return found ? sums.map((sum) => serviceTraffic(found, store.activeRollout(key), sum)) : [];
      }),
    status: (project) => ({
      cluster_id: settings().cluster_id,
      cluster_name: settings().cluster_name,
      version: settings().version,
      services: store
        .serviceKeys()
        .filter((key) => project === null || key.startsWith(`${project}/`))
        .flatMap((key) => service(key) ?? []),
      nodes: nodes(),
      certificates: certificates(),
      observed_at: iso(Date.now()),
    }),
    rollout: (id) => {
      const stored = store.rollout(id);
      if (!stored) return null;
      const found = asItStands(stored, store.activeRollout(stored.service));
      const of = store.service(found.service) ?? null;
      const summary = rolloutSummary(found, of);
      const reason = (found.endedAtMs === null ? store.problem() : null) ?? summary.reason;
      return { rollout: { ...summary, reason }, service: service(found.service) };
    },
  };
}

function serviceTraffic(
  { project, name, planned }: Service,
  open: Rollout | undefined,
  sum: ReleaseTraffic,
): ServiceTraffic {
  const acting = actingOf(open ?? null);
  const isCanary = acting !== null && acting.canary !== null && acting.release === sum.release;
  const group = sum.release === planned.stable ? 'stable' : isCanary ? 'canary' : 'retired';
  return { project, service: name, group, ...sum };
}

type NodeFacts = Pick<ServiceFacts, 'nodes' | 'held' | 'traffic' | 'weights'>;

/** All nodes and what their ingresses say of allocations and weights, read again only when a node changed. */
function cachedNodes(store: Store): () => NodeFacts {
  let cached: NodeFacts | null = null;
  const lastShares = createLastShares(store);
  store.watch((changes) => {
    if (changes.nodes.size > 0) cached = null;
  });
  return () => {
    if (cached) return cached;
    const nodes = new Map(store.nodes().map((node) => [node.id, node]));
    const held = new Set([...nodes.keys()].filter((id) => holdOf(store, id)?.state === 'held'));
    cached = { nodes, held, traffic: trafficOf(nodes.values()), weights: lastShares() };
    return cached;
  };
}

export function eventView(event: ClusterEvent): ApiEvent {
  const { number, kind, service, node, rollout, message } = event;
  return { number, at: iso(event.atMs), kind, service, node, rollout, message };
}
