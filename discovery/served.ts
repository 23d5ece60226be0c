/**
 * Decides what the companion serves: the master's table and what this node knows of itself in, names and endpoints out. PURE.
 *
 * Promises: an allocation is offered only while it is ready and does not drain; of this node's own ones its agent's knowledge
 * counts, which is newer. A container is told the names of its own project only.
 */
import type { Endpoint } from '../shared/protocol.js';
import type { NamedAllocation, NamedService, Table } from './table.js';

/** A project's network on this node; `subnet` as `172.18.0.0/16`. */
export interface ProjectNetwork {
  project: string;
  subnet: string;
}

export interface Backend {
  id: string;
  group: 'stable' | 'canary';
  endpoint: Endpoint;
}

export interface ServedService {
  service: string;
  project: string;
  names: string[];
  address: string;
  ports: number[];
  canaryWeight: number;
  /** Who new connections may go to. */
  backends: Backend[];
}

/** All that the companion knows. */
export interface Served {
  dns: string;
  networks: ProjectNetwork[];
  services: ServedService[];
}

/** What this node itself knows of its own allocations, by id; null: not ready now. */
export type LocalEndpoints = ReadonlyMap<string, Endpoint | null>;

export function servedBy(
  table: Table,
  here: { node: string; local: LocalEndpoints; networks: readonly ProjectNetwork[] },
): Served {
  const projects = new Set(table.services.map(({ project }) => project));
  return {
    dns: table.dns,
    networks: here.networks.filter(({ project }) => projects.has(project)),
    services: table.services.map((service) => servedService(service, here)),
  };
}

function servedService(
  { service, project, names, address, ports, canaryWeight, allocations }: NamedService,
  here: { node: string; local: LocalEndpoints },
): ServedService {
  const backends = allocations.flatMap((allocation): Backend[] => {
    const endpoint = allocation.draining ? null : endpointHere(allocation, here);
    return endpoint === null ? [] : [{ id: allocation.id, group: allocation.group, endpoint }];
  });
  return { service, project, names, address, ports, canaryWeight, backends };
}

function endpointHere(
  { id, node, endpoint, ownNodeOnly }: NamedAllocation,
  here: { node: string; local: LocalEndpoints },
): Endpoint | null {
  if (node !== here.node) return ownNodeOnly ? null : endpoint;
  const known = here.local.get(id);
  return known === undefined ? endpoint : known;
}
