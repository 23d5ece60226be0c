/** A shop in which a canary is under way, and what its ingress would count. */
import { bucketOf, LATENCY_BUCKETS } from '../../../../shared/latency.js';
import type { Counted } from '../../../../shared/model.js';
import type { AnalysisSpec, DeploySpec } from '../../../../shared/spec.js';
import { running, type Shop } from './cluster.js';
import { step } from './promises.js';
import { aSpec } from './things.js';

const canaryDeploy = (deploy: Partial<DeploySpec> = {}): Partial<DeploySpec> => ({
  strategy: 'canary',
  drainTimeoutMs: 3_000,
  ...deploy,
});
export const specOf = (image: string, deploy: Partial<DeploySpec> = {}, replicas = 3) =>
  aSpec({ replicas, container: { image }, deploy: canaryDeploy(deploy) });
export const limits = (change: Partial<AnalysisSpec> = {}): AnalysisSpec => ({
  maxErrorRate: 1,
  maxErrorRatio: null,
  maxP95Ms: null,
  maxP95Ratio: null,
  minRequests: 50,
  failureThreshold: 2,
  ...change,
});

/** A shop at v1 in which a canary of `image` has been begun. */
export function begun(image = 'good:2', deploy: Partial<DeploySpec> = {}, replicas = 3): Shop {
  const shop = running(specOf('good:1', deploy, replicas));
  shop.deploy(specOf(image, deploy, replicas));
  return shop;
}

/** Plans (with all the promises checked) and lets time pass until it holds. */
export function until(shop: Shop, holds: () => boolean, ms = 250, steps = 600): void {
  for (let i = 0; i < steps; i += 1) {
    step(shop);
    if (holds()) return;
    shop.cluster.tick(ms);
  }
  const { rollout, service } = shop.cluster.snapshot;
  throw new Error(`never: ${rollout?.state} ${rollout?.reason} ${JSON.stringify(service.planned)}`);
}

export const weight = (shop: Shop): number => shop.cluster.snapshot.service.planned.canaryWeight;
export const canaries = (shop: Shop) => shop.cluster.snapshot.allocations.filter((a) => a.group === 'canary');
export const isOver = (shop: Shop) => () => shop.cluster.snapshot.rollout === null;
export const inForce = (shop: Shop, percent: number) => () =>
  weight(shop) === percent && typeof shop.cluster.snapshot.rollout?.canary?.inForceSinceMs === 'number';

/** What an ingress has counted of both releases. */
export function counted(
  stable: [requests: number, errors: number, ms: number],
  canary: typeof stable,
): Counted[] {
  return [stable, canary].map(([requests, errors, ms], i) => {
    const latency = Array.from({ length: LATENCY_BUCKETS }, () => 0);
    latency[bucketOf(ms)] = requests;
    return {
      source: 'n1|a',
      service: 'shop/api',
      release: i + 1,
      requests,
      classes: [0, requests - errors, 0, 0, errors],
      latency,
    };
  });
}
