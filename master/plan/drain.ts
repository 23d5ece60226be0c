/**
 * What a drain of a node does next: one service at a time leaves it, start-first; what can't leave is named with the
 * reason, and keeps nothing else from leaving. Pure.
 */
import type { Allocation, Node, NodeDrain, Release } from '../../shared/model.js';
import { place } from './place.js';
import { bySlotThenAge } from './seen.js';
import type { NodeView, ServiceState } from './snapshot.js';

/** A service that has allocations on the node, with the nodes as the planner sees them for it. */
export interface Tenant extends ServiceState {
  nodes: readonly NodeView[];
}

/** The drain as it is to be put; equal to `node.drain` when there is nothing to do now. */
export function nextDrain(
  node: Pick<Node, 'id'> & { drain: NodeDrain },
  tenants: readonly Tenant[],
  nowMs: number,
): NodeDrain {
  const { drain } = node;
  const here = tenants.filter(({ allocations }) => allocations.some((a) => a.node === node.id));
  if (here.length === 0) return { ...drain, service: null, blocked: [], doneAtMs: drain.doneAtMs ?? nowMs };
  const judged = here
    .map((tenant) => ({ key: tenant.service.key, tenant, reason: blockOf(node, tenant) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const free = judged.filter(({ reason }) => reason === null).map(({ key }) => key);
  const underWay = judged.find(({ key, tenant }) => key === drain.service && isHalfWay(node, tenant));
  const service = underWay?.key ?? free.find((key) => key === drain.service) ?? free[0] ?? null;
  const blocked = judged.flatMap(({ key, reason }) => (reason === null ? [] : [{ service: key, reason }]));
  return { ...drain, service, blocked, doneAtMs: null };
}

/** A part of it has a successor already: that is not given up because the rest is held up. */
function isHalfWay({ id }: Pick<Node, 'id'>, { allocations }: Tenant): boolean {
  const live = allocations.filter(isLive);
  const elsewhere = live.filter((a) => a.node !== id);
  return live.some((a) => a.node === id && hasSuccessor(a, elsewhere));
}

function hasSuccessor({ slot, group, release }: Allocation, elsewhere: readonly Allocation[]): boolean {
  return elsewhere.some((a) => a.slot === slot && a.group === group && a.release === release);
}

/** Why a service can't leave the node now; null: it can, or is leaving. */
function blockOf({ id }: Pick<Node, 'id'>, tenant: Tenant): string | null {
  const live = tenant.allocations.filter(isLive);
  const here = live.filter((a) => a.node === id).sort(bySlotThenAge);
  const job = here.find(({ group }) => group === 'job');
  if (job) return `${job.id} is its pre_deploy job, which is let finish`;
  const elsewhere = live.filter((a) => a.node !== id);
  for (const allocation of here) {
    const release = releaseOf(allocation, tenant);
    const reason = release && (dataOf(release) ?? refusalFor(allocation, release, here, elsewhere, tenant));
    if (reason) return reason;
  }
  return null;
}

function dataOf({ spec }: Release): string | null {
  const [volume] = spec.container.volumes;
  if (!volume) return null;
  return `its volume ${volume.name} is on this node; stop the service, or move the data and remove it (\`orca rm\`)`;
}

/** Its successor is on its way, or has a node to go to. */
function refusalFor(
  allocation: Allocation,
  { spec: { container } }: Release,
  here: readonly Allocation[],
  elsewhere: readonly Allocation[],
  tenant: Tenant,
): string | null {
  if (hasSuccessor(allocation, elsewhere)) return null;
  const own = (one: Allocation) => ({ allocation: one, release: releaseOf(one, tenant) });
  const need = { placement: tenant.service.spec.placement, container };
  const { refusal } = place(need, tenant.nodes, elsewhere.map(own), here.map(own));
  return refusal === null ? null : `no other node can take it: ${refusal}`;
}

function isLive({ desired }: Allocation): boolean {
  return desired === 'running' || desired === 'routed';
}

function releaseOf({ release }: Allocation, { releases }: Tenant): Release | null {
  return releases.find(({ number }) => number === release) ?? null;
}
