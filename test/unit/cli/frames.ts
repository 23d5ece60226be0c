/** API replies that tests build: only what a test is about is named. */

import type {
  AllocationView,
  NodeStatus,
  RolloutFrame,
  RolloutSummary,
  ServiceStatus,
  StatusReply,
} from '../../../shared/api.js';
import type { CanaryView, VerdictView } from '../../../shared/api-canary.js';

type GroupView = NonNullable<ServiceStatus['groups']['stable']>;

const at = '2026-01-31T12:00:00.000Z';

export function anAllocation(keys: Partial<AllocationView> = {}): AllocationView {
  return {
    id: 'shop.api.1',
    slot: 0,
    group: 'stable',
    release: 'v2',
    node: 'node-1',
    state: 'ready',
    reason: null,
    restarts: 0,
    in_flight: null,
    routed: true,
    endpoint: null,
    exit_code: null,
    last_logs: [],
    since: at,
    ...keys,
  };
}

export function aCanary(keys: Partial<CanaryView> = {}): CanaryView {
  return {
    steps: [20],
    step: 0,
    weight: 20,
    weight_in_force: true,
    promoted: false,
    replicas: 1,
    waits_for_promote: false,
    verdicts: [],
    ...keys,
  };
}

export function aVerdict(keys: Partial<VerdictView> = {}): VerdictView {
  return {
    step: 0,
    weight: 20,
    from: at,
    to: at,
    result: 'passed',
    reason: 'within all limits',
    stable: { requests: 940, error_rate: 0, p95_ms: 20 },
    canary: { requests: 60, error_rate: 0.5, p95_ms: 21.23 },
    ...keys,
  };
}

export function aGroup(keys: Partial<GroupView> = {}): GroupView {
  const share = { weight: 100, wanted_weight: 100, weight_reason: null };
  return { release: 'v2', ...share, ready: 1, wanted: 1, traffic: null, ...keys };
}

export function aService(keys: Partial<ServiceStatus> = {}): ServiceStatus {
  return {
    name: 'api',
    project: 'shop',
    status: 'running',
    reason: null,
    image: 'nginx:1',
    runtime: 'container',
    domain: 'a.com',
    domains: ['a.com'],
    url: 'https://a.com',
    replicas: 1,
    desired_replicas: 1,
    running_replicas: 1,
    release: 'v2',
    node: 'node-1',
    depends_on: [],
    rollout: null,
    groups: { stable: aGroup(), canary: null },
    allocations: [anAllocation()],
    last_failure: null,
    preview: null,
    maintenance: null,
    pending: [],
    observed_at: at,
    ...keys,
  };
}

export function aRollout(keys: Partial<RolloutSummary> = {}): RolloutSummary {
  return {
    id: 'r1',
    service: 'shop/api',
    kind: 'deploy',
    state: 'rolling',
    reason: null,
    release: 'v2',
    from: 'v1',
    takes_back: null,
    by: 'admin',
    source: 'cli',
    started_at: at,
    ended_at: null,
    failure: null,
    paused: null,
    canary: null,
    acts: [],
    job: null,
    ...keys,
  };
}

export function aFrame(
  rollout: Partial<RolloutSummary> = {},
  service: Partial<ServiceStatus> = {},
): RolloutFrame {
  return { rollout: aRollout(rollout), service: aService(service) };
}

export const ended = { state: 'succeeded', ended_at: '2026-01-31T12:00:07.000Z' } as const;

export function aNode(keys: Partial<NodeStatus> = {}): NodeStatus {
  return {
    node_id: 'n-1',
    name: 'node-1',
    address: '10.0.0.1',
    state: 'ready',
    reason: null,
    version: '1',
    engine: '20.10',
    caddy: '2.6.2',
    labels: {},
    ingress: true,
    drain: false,
    drain_status: null,
    program: null,
    upgrade: null,
    cpus: 2,
    memory_bytes: 4 * 1024 ** 3,
    allocations: 1,
    last_heartbeat: at,
    certificate_expires_at: null,
    ...keys,
  };
}

export function aStatus(keys: Partial<StatusReply> = {}): StatusReply {
  return {
    cluster_id: 'c0',
    cluster_name: 'c',
    version: '1',
    services: [aService()],
    nodes: [aNode()],
    certificates: [],
    observed_at: at,
    ...keys,
  };
}
