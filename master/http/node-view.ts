/** A node as the API shows it. PURE. */
import type { NodeStatus } from '../../shared/api.js';
import type { DrainView } from '../../shared/api-nodes.js';
import type { Node, NodeDrain } from '../../shared/model.js';
import type { Hold } from '../store/hold.js';
import { iso } from './rollout-view.js';

export interface NodeFacts {
  node: Node;
  allocations: number;
  heardAtMs: number | null;
  /** Null unless the node is held. */
  hold: Hold | null;
  /** Two agents fight for its identity. */
  conflict: string | null;
  certificateNotAfterMs: number | null;
}

export function nodeStatus(facts: NodeFacts): NodeStatus {
  const { node, allocations, heardAtMs, hold, conflict, certificateNotAfterMs } = facts;
  return {
    node_id: node.id,
    name: node.facts.name,
    address: node.facts.address,
    ...nodeState(node, allocations, hold, conflict),
    version: node.facts.version,
    engine: node.engine?.version ?? null,
    caddy: node.ingressObserved?.caddyVersion ?? null,
    labels: node.labels,
    ingress: node.ingress,
    drain: Boolean(node.drain),
    drain_status: node.drain ? drainView(node.drain) : null,
    program: node.facts.program ?? null,
    upgrade: node.upgrade ?? null,
    cpus: node.facts.cpus,
    memory_bytes: node.facts.memoryBytes,
    allocations,
    last_heartbeat: iso(heardAtMs ?? node.lastSeenAtMs),
    certificate_expires_at: certificateNotAfterMs === null ? null : iso(certificateNotAfterMs),
  };
}

const silence = {
  unreachable:
    'nothing was heard from its agent for too long: see that the host is up and `orca agent` runs there',
  lost: 'nothing was heard from its agent for longer than lost_after: what it ran is placed elsewhere; what was replaced is stopped when it is back',
};

function drainView({ by, sinceMs, service, blocked, doneAtMs }: NodeDrain): DrainView {
  return {
    by,
    since: iso(sinceMs),
    moving: service,
    blocked,
    done_at: doneAtMs === null ? null : iso(doneAtMs),
  };
}

function drainState(
  { service, blocked, doneAtMs }: NodeDrain,
  left: number,
): { state: NodeStatus['state']; reason: string } {
  if (doneAtMs !== null)
    return {
      state: 'drained',
      reason: 'nothing is left on it, and nothing new comes until `orca nodes undrain`',
    };
  const parts = [
    ...(service === null ? [] : [`${service} leaves`]),
    ...blocked.map((one) => `${one.service} stays: ${one.reason}`),
  ];
  return { state: 'draining', reason: `${left} left${parts.length > 0 ? `; ${parts.join('; ')}` : ''}` };
}

/** Nothing is stopped or started there until somebody has decided. */
const heldReason = ({ facts: { name } }: Node, { why }: Hold): string =>
  `held: its agent ${why}; \`orca adopt\` shows what runs there and takes it over, \`orca nodes uncordon ${name}\` removes what this master did not place`;

function upgradeReason({ upgrade, facts }: Node): string | null {
  if (!upgrade) return null;
  if (upgrade.state !== 'failed') return `its upgrade to ${upgrade.version} is under way: ${upgrade.state}`;
  return `its upgrade to ${upgrade.version} failed, and it goes on with ${facts.version}: ${upgrade.reason}`;
}

function nodeState(
  node: Node,
  allocations: number,
  hold: Hold | null,
  conflict: string | null,
): { state: NodeStatus['state']; reason: string | null } {
  if (node.presence !== 'present') return { state: node.presence, reason: silence[node.presence] };
  if (node.connectedAtMs === null)
    return { state: 'degraded', reason: 'its agent is not connected; what it runs is served on for now' };
  if (conflict !== null) return { state: 'degraded', reason: conflict };
  if (hold?.state === 'held') return { state: 'degraded', reason: heldReason(node, hold) };
  if (!node.reported) return { state: 'degraded', reason: 'its agent has not reported yet' };
  if (node.engine?.state !== 'up')
    return {
      state: 'degraded',
      reason: `Docker is not reachable: ${node.engine?.reason ?? 'no reason was given'}`,
    };
  if (hold)
    return { state: 'degraded', reason: 'what runs on it has not been compared with what this master knows' };
  const ingress = node.ingressObserved;
  if (node.disk) {
    const reason = `its agent goes on from memory, for its files can't be written: ${node.disk}; free space on the disk that holds its Orca home`;
    return { state: 'degraded', reason };
  }
  if (node.ingress && !ingress) return { state: 'degraded', reason: 'its ingress is starting' };
  if (node.ingress && ingress && (ingress.caddy !== 'running' || ingress.resolver !== 'running'))
    return {
      state: 'degraded',
      reason: ingress.reason ?? `Caddy is ${ingress.caddy}, the resolver ${ingress.resolver}`,
    };
  if (node.ingress && ingress?.reason) return { state: 'degraded', reason: ingress.reason };
  const names = node.discovery;
  if (names?.state === 'down')
    return { state: 'degraded', reason: `services are not found by name: ${names.reason}` };
  if (node.drain) return drainState(node.drain, allocations);
  if (node.cordoned) return { state: 'cordoned', reason: 'cordoned on request' };
  const limit = names?.state === 'off' ? `names lead to services on this node only: ${names.reason}` : null;
  return { state: 'ready', reason: upgradeReason(node) ?? limit ?? names?.reason ?? null };
}
