/** Tables of names for tests: say only what matters. */
import type { Served, ServedService } from '../../../discovery/served.js';
import type { NamedAllocation, NamedService, Table } from '../../../discovery/table.js';

export function aNamed(id: string, more: Partial<NamedAllocation> = {}): NamedAllocation {
  const endpoint = { address: '10.0.0.2', port: 30_001 };
  return { id, node: 'n-2', group: 'stable', draining: false, endpoint, ownNodeOnly: false, ...more };
}

export function aNamedService(more: Partial<NamedService> = {}): NamedService {
  return {
    service: 'shop/db',
    project: 'shop',
    names: ['db', 'database'],
    address: '10.213.0.9',
    ports: [5_432],
    canaryWeight: 0,
    allocations: [aNamed('shop.db.1')],
    ...more,
  };
}

export function aTable(...services: NamedService[]): Table {
  return { range: '10.213.0.0/16', dns: '10.213.0.2', services };
}

export function aServedService(more: Partial<ServedService> = {}): ServedService {
  const { allocations, ...service } = aNamedService();
  const backends = allocations.map(({ id }) => ({
    id,
    group: 'stable' as const,
    endpoint: { address: '10.0.0.2', port: 30_001 },
  }));
  return { ...service, backends, ...more };
}

export function aServed(more: Partial<Served> = {}): Served {
  return {
    dns: '10.213.0.2',
    networks: [
      { project: 'shop', subnet: '172.18.0.0/16' },
      { project: 'blog', subnet: '172.19.0.0/16' },
    ],
    services: [aServedService()],
    ...more,
  };
}
