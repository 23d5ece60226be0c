/** Records of the model for tests: say only what matters. */
import { readService } from '../../shared/config/service.js';
import { bucketOf, LATENCY_BUCKETS } from '../../shared/latency.js';
import type { Allocation, Canary, Counted, Node, Release, Rollout, Service } from '../../shared/model.js';
import type { IngressObserved } from '../../shared/protocol.js';
import type { ServiceSpec } from '../../shared/spec.js';

/** A spec from keys of a service file. */
export function aSpec(keys: object = {}): ServiceSpec {
  const read = readService(
    { name: 'api', image: 'app:1', port: 8080, domain: 'api.example.com', ...keys },
    'shop',
  );
  if (!read.ok) throw new Error(read.problems.map((problem) => problem.message).join('; '));
  return read.spec;
}

export function aService(more: Partial<Service> = {}, keys: object = {}): Service {
  const spec = aSpec(keys);
  return {
    key: `${spec.project}/${spec.name}`,
    project: spec.project,
    name: spec.name,
    spec,
    replicas: spec.replicas,
    desired: 'running',
    maintenance: null,
    planned: {
      stable: 1,
      tolerated: null,
      canaryWeight: 0,
      nextRelease: 2,
      nextAllocation: 2,
      lastFailure: null,
      waits: [],
    },
    createdAtMs: 1_000,
    updatedAtMs: 1_000,
    ...more,
  };
}

export function aRelease(more: Partial<Release> = {}): Release {
  return {
    service: 'shop/api',
    number: 1,
    spec: aSpec(),
    image: { ref: 'app:1', id: 'sha256:1', digest: null },
    fingerprint: 'f1',
    createdAtMs: 1_000,
    ...more,
  };
}

export function aRollout(more: Partial<Rollout> = {}): Rollout {
  return {
    id: 'r-1',
    service: 'shop/api',
    kind: 'deploy',
    state: 'rolling',
    reason: null,
    spec: aSpec(),
    release: 1,
    from: null,
    takesBack: null,
    replaces: null,
    undo: null,
    node: 'n-1',
    by: 'admin',
    source: 'cli',
    startedAtMs: 1_000,
    progressAtMs: 1_000,
    endedAtMs: null,
    failure: null,
    paused: null,
    canary: null,
    acts: [],
    ...more,
  };
}

export function aCanary(more: Partial<Canary> = {}): Canary {
  return {
    replicas: 1,
    steps: [20],
    step: 0,
    weight: 20,
    isManual: false,
    brokenSinceMs: null,
    stableGoes: false,
    inForceSinceMs: 3_000,
    window: null,
    badInARow: 0,
    verdicts: [],
    promotedAtMs: null,
    ...more,
  };
}

/** `good` requests of 10 ms and `bad` ones of 100 ms that ended with 500. */
export function aCount(release: number, good: number, bad = 0, more: Partial<Counted> = {}): Counted {
  const latency = Array.from({ length: LATENCY_BUCKETS }, () => 0);
  latency[bucketOf(10)] = good;
  latency[bucketOf(100)] = bad;
  const classes = [0, good, 0, 0, bad];
  return { service: 'shop/api', release, requests: good + bad, classes, latency, source: 'n-1|e1', ...more };
}

export function anAllocation(more: Partial<Allocation> = {}): Allocation {
  return {
    id: 'shop.api.1',
    service: 'shop/api',
    slot: 0,
    group: 'stable',
    release: 1,
    node: 'n-1',
    desired: 'routed',
    createdAtMs: 1_000,
    drainingSinceMs: null,
    observed: anObserved(),
    ...more,
  };
}

export function anObserved(
  more: Partial<NonNullable<Allocation['observed']>> = {},
): NonNullable<Allocation['observed']> {
  return {
    id: 'shop.api.1',
    state: 'ready',
    reason: null,
    sinceMs: 2_000,
    restarts: 0,
    exitCode: null,
    lastLogs: [],
    endpoint: { address: '10.0.0.1', port: 40_000 },
    containerId: 'c1',
    ...more,
  };
}

export function aNode(more: Partial<Node> = {}): Node {
  return {
    id: 'n-1',
    facts: {
      name: 'one',
      address: '10.0.0.1',
      version: '1.0.0',
      os: 'linux',
      arch: 'x64',
      cpus: 2,
      memoryBytes: 2 ** 31,
      pid: 1,
    },
    labels: {},
    cordoned: false,
    ingress: true,
    connectedAtMs: 1_000,
    awaySinceMs: null,
    presence: 'present',
    reported: true,
    lastSeenAtMs: 3_000,
    engine: { state: 'up', version: '20.10.24', apiVersion: '1.41', reason: null },
    images: [],
    ingressObserved: anIngressObserved(),
    revision: 1,
    ...more,
  };
}

export function anIngressObserved(more: Partial<IngressObserved> = {}): IngressObserved {
  return {
    revision: 1,
    caddy: 'running',
    caddyVersion: '2.6.2',
    resolver: 'running',
    reason: null,
    traffic: [{ allocation: 'shop.api.1', state: 'routed', inFlight: 2, reason: null }],
    weights: [],
    ...more,
  };
}
