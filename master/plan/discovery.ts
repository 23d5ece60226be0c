/**
 * The names that containers may use: for each service with a port its virtual address, and who answers there. PURE. An allocation
 * is offered from when it is ready until it drains; what no release of the service listens on has no name.
 */
import type { NamedAllocation, NamedService } from '../../discovery/table.js';
import { fingerprint } from '../../shared/fingerprint.js';
import { addressText, type Range, sizeOf } from '../../shared/ipv4.js';
import type { Allocation, Node } from '../../shared/model.js';
import { isOffered } from './named-drain.js';
import { bySlotThenAge } from './seen.js';
import type { ServiceState } from './snapshot.js';

type FindNode = (id: string) => Pick<Node, 'facts' | 'presence'> | null;

/** Under this key the address for DNS is kept beside those of services. */
export const DNS_KEY = 'dns';

/** Null: it has no name. The order of its allocations does not matter. */
export function namedServiceOf(
  { service, releases, allocations }: ServiceState,
  address: string,
  nodeOf: FindNode,
): NamedService | null {
  const named = [...allocations].filter(({ group }) => group !== 'job').sort(bySlotThenAge);
  const running = releases.filter(({ number }) => named.some(({ release }) => release === number));
  const containers = [service.spec.container, ...running.map(({ spec }) => spec.container)];
  const ports = containers.flatMap(({ port }) => port ?? []);
  if (ports.length === 0 || (service.desired === 'removed' && named.length === 0)) return null;
  return {
    service: service.key,
    project: service.project,
    names: [...new Set([service.name, ...service.spec.container.aliases])],
    address,
    ports: [...new Set(ports)].sort((a, b) => a - b),
    canaryWeight: service.planned.canaryWeight,
    allocations: heard(named, nodeOf).flatMap((allocation) => namedAllocation(allocation, named, nodeOf)),
  };
}

/** Without those on silent nodes, unless none would be left that is ready: then only an agent may be gone. */
function heard(allocations: readonly Allocation[], nodeOf: FindNode): readonly Allocation[] {
  const left = allocations.filter(({ node }) => nodeOf(node)?.presence === 'present');
  return left.some(isOffered) ? left : allocations;
}

/** Who drains answers on as long as nobody else is ready: it would be asked for nothing else until it stops. */
function namedAllocation(
  { id, node, group, desired, observed }: Allocation,
  all: readonly Allocation[],
  nodeOf: FindNode,
): NamedAllocation[] {
  if (desired === 'stopped' || group === 'job') return [];
  const draining = desired === 'draining' && all.some(isOffered);
  const endpoint = !draining && observed?.state === 'ready' ? observed.endpoint : null;
  const ownNodeOnly = endpoint !== null && endpoint.address !== nodeOf(node)?.facts.address;
  return [{ id, node, group, draining, endpoint, ownNodeOnly }];
}

/**
 * A free address of the range for `key`. Where the search begins depends on cluster and key, so that a service that comes back gets
 * the same one, and two clusters on one host hardly meet. Null: all are taken.
 */
export function freeAddress(
  cluster: string,
  key: string,
  range: Range,
  isTaken: (address: string) => boolean,
): string | null {
  // Not the first and not the last: some programs take them for a network's own.
  const count = sizeOf(range) - 2;
  const start = Number.parseInt(fingerprint([cluster, key]).slice(0, 12), 16) % count;
  for (let tried = 0; tried < count; tried += 1) {
    const address = addressText(range.base + 1 + ((start + tried) % count));
    if (!isTaken(address)) return address;
  }
  return null;
}
