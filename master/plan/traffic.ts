/**
 * What the ingress nodes have acknowledged of an allocation. Promises that nothing counts as routed before every live
 * ingress node said so, and that nothing counts as drained while one of them may still send it a request: a deadline
 * ends the wait for requests in flight, never the wait for an ingress that still hands out new ones.
 */
import type { Allocation, Node } from '../../shared/model.js';
import type { Traffic } from '../../shared/protocol.js';

/** One refresh of the proxy's membership (1 s) and as much again: a shorter drain would cut requests just handed out. */
export const MIN_DRAIN_MS = 2_000;

/** Whether all live ingress nodes route to it; the reason when not. */
export function routingOf(
  allocation: Allocation,
  ingress: readonly Node[],
): { isRouted: boolean; reason: string | null } {
  const live = ingress.filter(isLiveNode);
  if (live.length === 0) return { isRouted: false, reason: noIngress(ingress) };
  const missing = live.find((node) => trafficOf(node, allocation)?.state !== 'routed');
  if (!missing) return { isRouted: true, reason: null };
  const reason = trafficOf(missing, allocation)?.reason ?? missing.ingressObserved?.reason ?? null;
  const who = `the ingress on ${missing.facts.name}`;
  return { isRouted: false, reason: reason === null ? `${who} does not route it yet` : `${who}: ${reason}` };
}

/** Whether all live ingress nodes give the canary of `service` its `weight`; why not otherwise. */
export function weightInForce(
  service: string,
  weight: number,
  ingress: readonly Node[],
): { isInForce: boolean; reason: string } {
  const live = ingress.filter(isLiveNode);
  if (live.length === 0) return { isInForce: false, reason: noIngress(ingress) };
  const late = live.find(
    (node) => node.ingressObserved?.weights.find((w) => w.service === service)?.canaryWeight !== weight,
  );
  return late === undefined
    ? { isInForce: true, reason: '' }
    : { isInForce: false, reason: `the ingress on ${late.facts.name} has not said so` };
}

export type Drain =
  | { kind: 'done'; inFlight: number }
  | { kind: 'wait'; reason: string | null; wakeAtMs: number | null };

/** Whether its container may be stopped. `done` with `inFlight` above 0: the drain deadline passed first. */
export function drainOf(
  allocation: Allocation,
  drainTimeoutMs: number,
  ingress: readonly Node[],
  nowMs: number,
): Drain {
  const deadlineMs = (allocation.drainingSinceMs ?? nowMs) + Math.max(drainTimeoutMs, MIN_DRAIN_MS);
  if (ingress.length === 0) return { kind: 'done', inFlight: 0 };
  if (!ingress.some(isLiveNode)) return { kind: 'wait', reason: noIngress(ingress), wakeAtMs: null };
  const held = ingress.filter((node) => !isDrained(node, allocation));
  if (held.length === 0) return { kind: 'done', inFlight: 0 };
  const holder = held.find((node) => isLiveNode(node) && stillSends(node, allocation));
  if (holder) {
    return { kind: 'wait', reason: `the ingress on ${holder.facts.name} still routes to it`, wakeAtMs: null };
  }
  if (nowMs < deadlineMs) return { kind: 'wait', reason: null, wakeAtMs: deadlineMs };
  const inFlight = Math.max(...held.map((node) => trafficOf(node, allocation)?.inFlight ?? 0));
  return { kind: 'done', inFlight };
}

/** Done when both are; the first that waits says why. */
export function bothDrained(a: Drain, b: Drain): Drain {
  if (a.kind === 'done' && b.kind === 'done')
    return { kind: 'done', inFlight: Math.max(a.inFlight, b.inFlight) };
  return a.kind === 'wait' ? a : b;
}

/** What it says can be relied on. */
export function isLiveNode(node: Node): boolean {
  return node.connectedAtMs !== null && node.reported;
}

function isDrained(node: Node, allocation: Allocation): boolean {
  return isLiveNode(node) && trafficOf(node, allocation)?.state === 'drained';
}

/** A running proxy that has not acted on the drain yet. */
function stillSends(node: Node, allocation: Allocation): boolean {
  return trafficOf(node, allocation)?.state === 'routed' && node.ingressObserved?.caddy === 'running';
}

function trafficOf(node: Node, allocation: Allocation): Traffic | null {
  return node.ingressObserved?.traffic.find((t) => t.allocation === allocation.id) ?? null;
}

/** Why there is no ingress that could say anything. */
export function noIngress(ingress: readonly Node[]): string {
  const names = ingress.map((node) => node.facts.name).join(', ');
  return names === '' ? 'no node has the ingress role' : `no ingress node is connected (${names})`;
}
