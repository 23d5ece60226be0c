/**
 * Which share of the traffic a canary really gets: the one that the ingresses last said to be in force, as far as both
 * groups have a copy that serves; beside it the share that is wanted, and why the two differ. PURE.
 */
import { type Allocation, actingOf, type Node, type Rollout, type Service } from '../../shared/model.js';
import type { Traffic } from '../../shared/protocol.js';

export interface ShareFacts {
  service: Service;
  rollout: Rollout | null;
  allocations: readonly Allocation[];
  nodes: ReadonlyMap<string, Node>;
  /** By allocation, as the ingresses last said (`trafficOf`). */
  traffic: ReadonlyMap<string, Traffic>;
  /** By service, the percent that its canary gets by what the ingresses last said to be in force. */
  weights: ReadonlyMap<string, number>;
}

export interface Share {
  /** Percent that the canary gets, and that it should get. */
  observed: number;
  wanted: number;
  /** Null while both are the same. */
  reason: string | null;
}

export function shareOf(facts: ShareFacts): Share {
  const wanted = wantedOf(facts.rollout);
  const observed = observedOf(facts);
  return { observed, wanted, reason: observed === wanted ? null : reasonOf(facts, wanted) };
}

/** What has become stable is no canary any more, whichever group it was started in. */
export const isCanary = ({ group, release }: Allocation, stable: number | null): boolean =>
  group === 'canary' && release !== stable;

function wantedOf(open: Rollout | null): number {
  const rollout = actingOf(open);
  const isOpen = rollout?.endedAtMs === null && ['canary', 'promoting'].includes(rollout.state);
  return isOpen ? (rollout.canary?.weight ?? 0) : 0;
}

/** As the ingress splits: a group none of which serves leaves all to the other, but a share of 0 is nobody's. */
function observedOf(facts: ShareFacts): number {
  const said = facts.weights.get(facts.service.key) ?? 0;
  if (said === 0 || !doesServe(facts, 'canary')) return 0;
  return doesServe(facts, 'stable') ? said : 100;
}

function doesServe({ service, allocations, traffic }: ShareFacts, group: 'stable' | 'canary'): boolean {
  const { stable } = service.planned;
  return allocations.some(
    (one) =>
      one.group !== 'job' &&
      isCanary(one, stable) === (group === 'canary') &&
      one.desired === 'routed' &&
      one.observed?.state === 'ready' &&
      traffic.get(one.id)?.state === 'routed',
  );
}

function reasonOf(facts: ShareFacts, wanted: number): string {
  const { service, rollout, nodes, weights } = facts;
  const { canaryWeight } = service.planned;
  const ingress = [...nodes.values()].filter((node) => node.ingress);
  const live = ingress.filter((node) => node.connectedAtMs !== null);
  if (live.length === 0) return `no ingress node is connected (${ingress.map(nameOf).join(', ')})`;
  if (!weights.has(service.key)) return 'no ingress has said yet which share is in force';
  if (wanted > 0 && !doesServe(facts, 'canary')) return 'none of its copies serves';
  if (wanted > 0 && !doesServe(facts, 'stable')) return 'none of stable serves';
  if (canaryWeight !== wanted) return heldReason(rollout, wanted > canaryWeight);
  const late = live.find((node) => weightOn(node, service.key) !== canaryWeight);
  return late ? `the ingress on ${nameOf(late)} has not said so yet` : 'it is about to change';
}

function heldReason(rollout: Rollout | null, isMore: boolean): string {
  if (rollout?.paused) return `held by ${rollout.paused.by}`;
  return isMore ? 'it gets more when all of its copies serve' : 'stable has to serve again first';
}

const nameOf = ({ facts }: Node): string => facts.name;

function weightOn({ ingressObserved }: Node, service: string): number | undefined {
  return ingressObserved?.weights.find((one) => one.service === service)?.canaryWeight;
}
