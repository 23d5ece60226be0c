/** Builders of what agent tests speak of: only what matters is named, the rest is sound. */
import type { ContainerRequest, ObservedContainer } from '../../../agent/engine.js';
import { allocationFingerprint } from '../../../agent/labels.js';
import type { AllocationAssignment, Assignment } from '../../../shared/protocol.js';
import type { ContainerSpec, Probe } from '../../../shared/spec.js';

const timing = { intervalMs: 1_000, timeoutMs: 1_000, failureThreshold: 3, initialDelayMs: 0 };

export const staysUp = (forMs = 0): Probe => ({ kind: 'stays-up', forMs, ...timing });
export const tcpProbe = (port: number): Probe => ({ kind: 'tcp', port, ...timing });
export const httpProbe = (path: string, port = 8080): Probe => ({ kind: 'http', path, port, ...timing });

export function aContainerSpec(overrides: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    image: 'app:1',
    pull: 'if-not-present',
    command: null,
    entrypoint: null,
    env: {},
    port: null,
    aliases: [],
    mounts: [],
    volumes: [],
    extraPorts: [],
    resources: { memoryBytes: null, cpus: null },
    readiness: staysUp(),
    liveness: null,
    ...overrides,
  };
}

export function anAllocation(
  overrides: Partial<Omit<AllocationAssignment, 'container'>> & { container?: Partial<ContainerSpec> } = {},
): AllocationAssignment {
  const { container, ...rest } = overrides;
  return {
    id: 'shop.api.1',
    project: 'shop',
    service: 'api',
    slot: 0,
    group: 'stable',
    release: 1,
    desired: 'running',
    onExit: 'replace',
    stopGraceMs: 1_000,
    imageId: 'sha256:app1',
    container: aContainerSpec(container),
    ...rest,
  };
}

export function anAssignment(overrides: Partial<Assignment> = {}): Assignment {
  return {
    type: 'assignment',
    cluster: 'test',
    revision: 1,
    allocations: [],
    images: [],
    keep: [],
    ingress: null,
    ...overrides,
  };
}

/** A container of the allocation, running since `startedAtMs` 0. */
export function aContainer(
  allocation: AllocationAssignment,
  overrides: Partial<ObservedContainer> = {},
): ObservedContainer {
  const attempt = overrides.attempt ?? 1;
  return {
    id: `${allocation.id}#${attempt}`,
    name: `orca-${allocation.id}-${attempt}`,
    cluster: 'test',
    project: allocation.project,
    service: allocation.service,
    allocation: allocation.id,
    attempt,
    level: 0,
    fingerprint: allocationFingerprint(allocation),
    state: 'running',
    exitCode: null,
    oomKilled: false,
    error: null,
    createdAtMs: 0,
    startedAtMs: 0,
    finishedAtMs: null,
    address: '10.0.0.2',
    ports: [],
    ...overrides,
  };
}

export function aRequest(overrides: Partial<ContainerRequest> = {}): ContainerRequest {
  return {
    cluster: 'test',
    allocation: anAllocation(),
    env: overrides.allocation?.container.env ?? {},
    mounts: overrides.allocation?.container.mounts ?? [],
    files: [],
    network: 'orca-test-shop',
    publishAddress: '127.0.0.1',
    dns: null,
    name: `orca-${overrides.allocation?.id ?? 'shop.api.1'}-${overrides.attempt ?? 1}`,
    attempt: 1,
    level: 0,
    ...overrides,
  };
}
