/** Builders for tests of the planner: each makes a whole thing, of which a test names only what matters. */
import { releaseFingerprint } from '../../../../master/plan/releases.js';
import type {
  NodeView,
  RequestContext,
  ServiceCurrent,
  ServiceSnapshot,
} from '../../../../master/plan/snapshot.js';
import type { Allocation, Node, Planned, Release, Rollout, Service } from '../../../../shared/model.js';
import type { AllocationObserved } from '../../../../shared/protocol.js';
import type { ContainerSpec, DeploySpec, ServiceSpec } from '../../../../shared/spec.js';

const timing = { intervalMs: 1_000, timeoutMs: 3_000, failureThreshold: 3, initialDelayMs: 0 };

export function aContainer(change: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    image: 'good:1',
    pull: 'if-not-present',
    command: null,
    entrypoint: null,
    env: {},
    port: 8080,
    aliases: [],
    mounts: [],
    volumes: [],
    extraPorts: [],
    resources: { memoryBytes: null, cpus: null },
    readiness: { kind: 'tcp', port: 8080, ...timing },
    liveness: null,
    ...change,
  };
}

export function aDeploy(change: Partial<DeploySpec> = {}): DeploySpec {
  return {
    strategy: 'rolling',
    maxUnavailable: 1,
    maxSurge: 1,
    canaryWeight: 20,
    canaryReplicas: null,
    canarySteps: [],
    stepMs: 60_000,
    autoPromote: false,
    analysis: null,
    sticky: false,
    groupHeader: false,
    preDeploy: null,
    minHealthyMs: 0,
    drainTimeoutMs: 30_000,
    stopGraceMs: 10_000,
    progressDeadlineMs: 60_000,
    autoRollback: true,
    ...change,
  };
}

export function aSpec(
  change: Partial<Omit<ServiceSpec, 'container' | 'deploy'>> & {
    container?: Partial<ContainerSpec>;
    deploy?: Partial<DeploySpec>;
  } = {},
): ServiceSpec {
  return {
    project: 'shop',
    name: 'api',
    replicas: 3,
    domains: ['api.example.com'],
    routes: ['/*'],
    stripPrefix: null,
    internal: false,
    dependsOn: [],
    tls: null,
    placement: { node: null, labels: {} },
    build: null,
    ...change,
    container: aContainer(change.container),
    deploy: aDeploy(change.deploy),
  };
}

export function aService(spec: ServiceSpec = aSpec(), change: Partial<Service> = {}): Service {
  return {
    key: `${spec.project}/${spec.name}`,
    project: spec.project,
    name: spec.name,
    spec,
    replicas: spec.replicas,
    desired: 'running',
    maintenance: null,
    planned: aPlanned(),
    createdAtMs: 0,
    updatedAtMs: 0,
    ...change,
  };
}

export function aPlanned(change: Partial<Planned> = {}): Planned {
  return {
    stable: null,
    tolerated: null,
    canaryWeight: 0,
    nextRelease: 1,
    nextAllocation: 1,
    lastFailure: null,
    waits: [],
    ...change,
  };
}

export function aRelease(
  number: number,
  spec: ServiceSpec = aSpec(),
  change: Partial<Release> = {},
): Release {
  const id = `sha256:${spec.container.image}`;
  return {
    service: `${spec.project}/${spec.name}`,
    number,
    spec,
    image: { ref: spec.container.image, id, digest: null },
    fingerprint: releaseFingerprint(spec.container, id),
    createdAtMs: 0,
    ...change,
  };
}

export function aRollout(change: Partial<Rollout> = {}): Rollout {
  return {
    id: 'r1',
    service: 'shop/api',
    kind: 'deploy',
    state: 'preparing',
    reason: null,
    spec: aSpec(),
    release: null,
    from: null,
    takesBack: null,
    replaces: null,
    undo: null,
    node: null,
    by: 'ops',
    source: 'cli',
    startedAtMs: 1_000_000,
    progressAtMs: 1_000_000,
    endedAtMs: null,
    failure: null,
    paused: null,
    canary: null,
    acts: [],
    ...change,
  };
}

export function anAllocation(number: number, change: Partial<Allocation> = {}): Allocation {
  return {
    id: `shop.api.${number}`,
    service: 'shop/api',
    slot: number - 1,
    group: 'stable',
    release: 1,
    node: 'n1',
    desired: 'running',
    createdAtMs: 0,
    drainingSinceMs: null,
    observed: null,
    ...change,
  };
}

export function anObserved(
  state: AllocationObserved['state'],
  change: Partial<AllocationObserved> = {},
): AllocationObserved {
  return {
    id: '',
    state,
    reason: null,
    sinceMs: 0,
    restarts: 0,
    exitCode: null,
    lastLogs: [],
    endpoint: null,
    containerId: null,
    ...change,
  };
}

export function aNode(id = 'n1', change: Partial<Node> = {}): Node {
  return {
    id,
    facts: {
      name: `host-${id}`,
      address: `10.0.0.${id.slice(1)}`,
      version: '1',
      os: 'linux',
      arch: 'x64',
      cpus: 2,
      memoryBytes: 4 * 1024 ** 3,
      pid: 1,
    },
    labels: {},
    cordoned: false,
    ingress: id === 'n1',
    connectedAtMs: 1,
    awaySinceMs: null,
    presence: 'present',
    reported: true,
    lastSeenAtMs: 0,
    engine: { state: 'up', version: null, apiVersion: null, reason: null },
    images: [],
    ingressObserved: null,
    revision: 1,
    ...change,
  };
}

export function aView(node: Node = aNode(), change: Partial<NodeView> = {}): NodeView {
  return { node, allocations: 0, hostPorts: [], memoryBytes: 0, cpus: 0, ...change };
}

export function aSnapshot(change: Partial<ServiceSnapshot> = {}): ServiceSnapshot {
  return {
    service: aService(),
    releases: [],
    rollout: null,
    allocations: [],
    nodes: [aView()],
    siblings: [],
    figures: [],
    ...change,
  };
}

export function aCurrent(change: Partial<ServiceCurrent> = {}): ServiceCurrent {
  return { service: aService(), releases: [], rollout: null, allocations: [], history: [], ...change };
}

export function aContext(change: Partial<RequestContext> = {}): RequestContext {
  return { id: 'r1', nowMs: 1_000_000, by: 'ops', source: 'cli', ...change };
}
