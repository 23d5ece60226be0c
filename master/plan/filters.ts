/**
 * Why a node can't take an allocation: one function a reason, asked in this order; the first that refuses says why, in
 * words that can be counted ("2 nodes: 1 cordoned, 1 without 512 MiB free").
 */
import type { Node } from '../../shared/model.js';
import type { ContainerSpec, ServiceSpec } from '../../shared/spec.js';
import { doubtOf } from './seen.js';
import type { NodeView } from './snapshot.js';

export interface Need {
  placement: ServiceSpec['placement'];
  container: ContainerSpec;
}

/** Why a node can't take it; null: it can, as far as this looks. */
export type Filter = (view: NodeView, need: Need) => string | null;

/** The first reason against `view`, or null when it is eligible. `view` counts everything that is on the node. */
export function refusalOf(view: NodeView, need: Need): string | null {
  return refusedBy(filters, view, need);
}

/** The same for other filters. */
export function refusedBy(all: readonly Filter[], view: NodeView, need: Need): string | null {
  for (const filter of all) {
    const reason = filter(view, need);
    if (reason !== null) return reason;
  }
  return null;
}

/** One sentence over all refused nodes. */
export function sumUp(refusals: readonly string[]): string {
  if (refusals.length === 0) return 'no node has joined the cluster';
  const counts = new Map<string, number>();
  for (const reason of refusals) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const parts = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([reason, n]) => `${n} ${reason}`);
  return `${refusals.length} ${refusals.length === 1 ? 'node' : 'nodes'}: ${parts.join(', ')}`;
}

/** A pin is an exact id, name or address. */
export function isPinnedElsewhere({ id, facts }: Node, { node }: Need['placement']): boolean {
  return node !== null && ![id, facts.name, facts.address].includes(node);
}

const pinned: Filter = ({ node }, { placement }) =>
  isPinnedElsewhere(node, placement) ? `not ${placement.node}` : null;

const labelled: Filter = ({ node }, { placement }) => {
  const missing = Object.entries(placement.labels).find(([key, value]) => node.labels[key] !== value);
  return missing ? `without label ${missing[0]} = ${missing[1]}` : null;
};

const connected: Filter = ({ node }) => {
  if (doubtOf(node) === null) return null;
  if (node.connectedAtMs === null) return node.presence === 'present' ? 'not connected' : node.presence;
  return node.reported ? 'with Docker down' : 'not reported yet';
};

const open: Filter = ({ node }) => (node.drain ? 'draining' : node.cordoned ? 'cordoned' : null);

const portsFree: Filter = (view, { container }) => {
  const taken = container.extraPorts.find((port) => view.hostPorts.includes(port.host));
  return taken ? `with host port ${taken.host} taken` : null;
};

const memoryFree: Filter = (view, { container }) => {
  const wanted = container.resources.memoryBytes;
  if (wanted === null || view.memoryBytes + wanted <= view.node.facts.memoryBytes) return null;
  return `without ${mebibytes(wanted)} free`;
};

/** CPU time is shared, so copies may add up to more than a node has; one copy alone may not. */
const cpusEnough: Filter = (view, { container }) => {
  const wanted = container.resources.cpus;
  return wanted === null || wanted <= view.node.facts.cpus ? null : `without ${wanted} CPUs`;
};

/** An earlier agent would give the container the references as they are written. */
const keepsSecrets: Filter = ({ node }, { container }) =>
  container.secrets === undefined || node.facts.secrets === true
    ? null
    : 'with an agent that knows no secrets (`orca nodes upgrade`)';

/** Of the node alone. */
export const stateFilters: readonly Filter[] = [connected, open];

/** An earlier agent would leave out what it does not know, and give the container more rights than its service says. */
const shutsIn: Filter = ({ node }, { container }) =>
  container.confinement === undefined || node.facts.confines === true
    ? null
    : 'with an agent that does not know cap_drop, read_only, user and the like (`orca nodes upgrade`)';

const filters: readonly Filter[] = [
  ...[pinned, labelled, connected, open, keepsSecrets, shutsIn],
  ...[portsFree, memoryFree, cpusEnough],
];

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}
