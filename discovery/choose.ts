/**
 * Decides who gets a new connection, and who is tried after that. PURE. The group by the routing weight, as the ingress splits
 * requests; in it the one with the fewest open connections, ties by chance; who could not be reached just now comes last.
 */
import type { Backend, ServedService } from './served.js';

export interface Chances {
  /** Open connections by allocation. */
  open: ReadonlyMap<string, number>;
  /** Those that could not be reached just now. */
  failed: ReadonlySet<string>;
  /** A new number in [0, 1) at each call. */
  random(): number;
}

/** Each at most once, the first choice first; empty: nobody is ready. */
export function candidates(
  { backends, canaryWeight }: Pick<ServedService, 'backends' | 'canaryWeight'>,
  chances: Chances,
): Backend[] {
  const of = (group: Backend['group']): Backend[] =>
    inOrder(
      backends.filter((backend) => backend.group === group),
      chances,
    );
  const stable = of('stable');
  // At a weight of 0 nobody gets to the canary, also when stable has nobody left.
  const canary = canaryWeight > 0 ? of('canary') : [];
  const isCanary = chances.random() * 100 < canaryWeight;
  return lastFailed(isCanary ? [...canary, ...stable] : [...stable, ...canary], chances);
}

function inOrder(backends: readonly Backend[], { open, random }: Chances): Backend[] {
  return backends
    .map((backend) => ({ backend, open: open.get(backend.id) ?? 0, tie: random() }))
    .sort((a, b) => a.open - b.open || a.tie - b.tie)
    .map(({ backend }) => backend);
}

function lastFailed(backends: readonly Backend[], { failed }: Chances): Backend[] {
  return [...backends.filter(({ id }) => !failed.has(id)), ...backends.filter(({ id }) => failed.has(id))];
}
