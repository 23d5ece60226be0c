/** Whether the new allocation of a slot starts before the old one stops, and if it can't, why. */
import type { ContainerSpec, DeploySpec } from '../../shared/spec.js';

export type Order = { kind: 'start-first'; why: null } | { kind: 'stop-first'; why: string };

/** `isPortHeld`: the only nodes that could take a new one have its fixed host port in use by an old one of the service. */
export function orderOf(
  deploy: Pick<DeploySpec, 'maxSurge'>,
  container: Pick<ContainerSpec, 'volumes' | 'extraPorts'>,
  isPortHeld: boolean,
): Order {
  const [volume] = container.volumes;
  if (volume) return stopFirst(`volume ${volume.name} has a single writer`);
  if (isPortHeld) {
    const ports = container.extraPorts.map((port) => port.host).join(', ');
    return stopFirst(`host port ${ports} is in use by the old allocation`);
  }
  if (deploy.maxSurge === 0) return stopFirst('max_surge is 0');
  return { kind: 'start-first', why: null };
}

/** How many replicas may be missing at a time when the old one has to go first. */
export function allowedMissing(deploy: Pick<DeploySpec, 'maxUnavailable'>): number {
  return Math.max(1, deploy.maxUnavailable);
}

function stopFirst(why: string): Order {
  return { kind: 'stop-first', why };
}
