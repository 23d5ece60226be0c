/**
 * What `orca rebalance` moves: copies from nodes that have at least two more than a node that could take one, as few as
 * make it even. Pure; the planner then moves them start-first.
 */
import { OrcaError } from '../../shared/errors.js';
import type { Allocation, Release } from '../../shared/model.js';
import { type Own, place } from './place.js';
import { bySlotThenAge } from './seen.js';
import type { NodeView, ServiceState } from './snapshot.js';

export interface Move {
  allocation: Allocation;
  /** Where it would go as things are now. */
  to: string;
}

/** The moves; none when it is even, or while others are under way. Throws what keeps the service from being moved now. */
export function rebalance(state: ServiceState, nodes: readonly NodeView[]): Move[] {
  const { service, rollout, releases } = state;
  if (rollout) throw new OrcaError('CONFLICT', `a rollout of ${service.key} is under way`);
  const own = state.allocations.filter(isStaying).map((allocation) => ({
    allocation,
    release: releases.find(({ number }) => number === allocation.release) ?? null,
  }));
  if (own.some(({ release }) => (release?.spec.container.volumes.length ?? 0) > 0))
    throw new OrcaError('CONFLICT', `${service.key} stays where its volumes are`);
  return own.length === 0 || isUnderWay(state) ? [] : movesOf(own, state, nodes);
}

interface Copy extends Own {
  allocation: Allocation;
  release: Release | null;
}

function movesOf(own: readonly Copy[], { service }: ServiceState, nodes: readonly NodeView[]): Move[] {
  const moves: Move[] = [];
  let staying: Own[] = [...own];
  for (const _ of own) {
    const from = fullest(staying, nodes);
    const candidate = own
      .filter((copy) => copy.allocation.node === from && staying.includes(copy))
      .sort((a, b) => bySlotThenAge(b.allocation, a.allocation))[0];
    if (!candidate?.release) break;
    const need = { placement: service.spec.placement, container: candidate.release.spec.container };
    const rest = staying.filter((copy) => copy !== candidate);
    const { node } = place(need, nodes, rest, [candidate]);
    if (node === null || count(rest, node.id) + 1 >= count(staying, from)) break;
    moves.push({ allocation: candidate.allocation, to: node.facts.name });
    staying = [...rest, { allocation: { node: node.id }, release: candidate.release }];
  }
  return moves;
}

function fullest(copies: readonly Own[], nodes: readonly NodeView[]): string {
  const ids = nodes.map(({ node }) => node.id);
  return ids.sort((a, b) => count(copies, b) - count(copies, a) || (a < b ? -1 : 1))[0] ?? '';
}

function count(copies: readonly Own[], node: string): number {
  return copies.filter(({ allocation }) => allocation.node === node).length;
}

/** Copies that a rebalance before this one moves have not all left yet. */
export function isUnderWay({ allocations }: Pick<ServiceState, 'allocations'>): boolean {
  return allocations.some((a) => a.isMoving === true && a.desired !== 'stopped');
}

function isStaying({ desired, group }: Allocation): boolean {
  return group === 'stable' && (desired === 'running' || desired === 'routed');
}
