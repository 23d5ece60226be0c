import t from 'tap';
import { bucketOf, LATENCY_BUCKETS } from '../../../../shared/latency.js';
import type { Counted } from '../../../../shared/model.js';
import type { AnalysisSpec, DeploySpec } from '../../../../shared/spec.js';
import { count, running, type Shop } from './cluster.js';
import { step } from './promises.js';
import { aSpec } from './things.js';

const canaryDeploy = (deploy: Partial<DeploySpec> = {}): Partial<DeploySpec> => ({
  strategy: 'canary',
  drainTimeoutMs: 3_000,
  ...deploy,
});
const specOf = (image: string, deploy: Partial<DeploySpec> = {}, replicas = 3) =>
  aSpec({ replicas, container: { image }, deploy: canaryDeploy(deploy) });
const limits = (change: Partial<AnalysisSpec> = {}): AnalysisSpec => ({
  maxErrorRate: 1,
  maxErrorRatio: null,
  maxP95Ms: null,
  maxP95Ratio: null,
  minRequests: 50,
  failureThreshold: 2,
  ...change,
});

/** A shop at v1 in which a canary of `image` has been begun. */
function begun(image = 'good:2', deploy: Partial<DeploySpec> = {}, replicas = 3): Shop {
  const shop = running(specOf('good:1', deploy, replicas));
  shop.deploy(specOf(image, deploy, replicas));
  return shop;
}

/** Plans (with all the promises checked) and lets time pass until it holds. */
function until(shop: Shop, holds: () => boolean, ms = 250, steps = 600): void {
  for (let i = 0; i < steps; i += 1) {
    step(shop);
    if (holds()) return;
    shop.cluster.tick(ms);
  }
  const { rollout, service } = shop.cluster.snapshot;
  throw new Error(`never: ${rollout?.state} ${rollout?.reason} ${JSON.stringify(service.planned)}`);
}

const weight = (shop: Shop): number => shop.cluster.snapshot.service.planned.canaryWeight;
const canaries = (shop: Shop) => shop.cluster.snapshot.allocations.filter((a) => a.group === 'canary');
const isOver = (shop: Shop) => () => shop.cluster.snapshot.rollout === null;
const inForce = (shop: Shop, percent: number) => () =>
  weight(shop) === percent && typeof shop.cluster.snapshot.rollout?.canary?.inForceSinceMs === 'number';

/** What an ingress has counted of both releases. */
function counted(stable: [requests: number, errors: number, ms: number], canary: typeof stable): Counted[] {
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

t.test('it gets its share when all of it is healthy, and stable stays whole', async (t) => {
  const shop = begun('slow:2', { canaryWeight: 50 });
  until(shop, () => canaries(shop).length === 2);
  until(shop, () => canaries(shop).some((a) => a.desired === 'routed'));
  t.ok(
    canaries(shop).every((a) => a.desired === 'routed'),
    'as a group',
  );
  until(shop, inForce(shop, 50));
  t.equal(count(shop, 1, 'routed'), 3);
  t.match(shop.cluster.plan().waits, [/canary v2 gets 50 %: `orca promote api` or `orca rollback api`/]);
  shop.cluster.tick(3_600_000);
  t.same(shop.cluster.plan().actions, [], 'and stands there');
});

t.test('its size is in proportion to its share unless it was given', async (t) => {
  for (const [deploy, size] of [
    [{ canaryWeight: 5 }, 1],
    [{ canaryWeight: 50 }, 2],
    [{ canaryWeight: 0 }, 1],
    [{ canaryWeight: 50, canaryReplicas: 3 }, 3],
  ] as const) {
    const shop = begun('good:2', deploy);
    until(shop, inForce(shop, deploy.canaryWeight));
    t.equal(canaries(shop).length, size);
  }
});

t.test('promoted, it grows, takes all, and only then stable goes; all of it is stable then', async (t) => {
  const shop = begun();
  until(shop, inForce(shop, 20));
  shop.promote();
  t.throws(() => shop.promote(), { code: 'CONFLICT', message: /being promoted already, by ops/ });
  until(shop, () => canaries(shop).length === 3);
  t.equal(weight(shop), 20, 'its share waits for its size');
  until(shop, () => weight(shop) === 100);
  t.equal(count(shop, 1, 'routed'), 3);
  until(shop, () => count(shop, 1, 'draining') === 3);
  until(shop, isOver(shop));
  t.match(shop.lastRollout(), { state: 'succeeded', acts: [{ verb: 'promote', by: 'ops' }] });
  t.same(canaries(shop), []);
  t.equal(weight(shop), 0);
  t.equal(shop.cluster.snapshot.service.planned.stable, 2);
  t.ok(shop.cluster.settle());
  t.equal(count(shop, 2, 'routed'), 3);
});

t.test('a rollback takes it away and leaves stable as it was', async (t) => {
  const shop = begun();
  until(shop, inForce(shop, 20));
  const before = shop.cluster.snapshot.allocations.filter((a) => a.group === 'stable');
  shop.rollback();
  until(shop, isOver(shop));
  t.match(shop.lastRollout(), { kind: 'rollback', state: 'succeeded' });
  t.ok(shop.cluster.settle());
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.id),
    before.map((a) => a.id),
  );
});

t.test('a rollback while stable goes brings stable back before the canary leaves', async (t) => {
  const shop = begun();
  until(shop, inForce(shop, 20));
  shop.promote();
  until(shop, () => count(shop, 1, 'draining') > 0);
  shop.rollback();
  until(shop, isOver(shop));
  t.ok(shop.cluster.settle());
  t.equal(count(shop, 1, 'routed'), 3);
  t.equal(shop.cluster.snapshot.allocations.length, 3);
  t.equal(weight(shop), 0);
});

t.test('a canary that can not come up is taken back at once', async (t) => {
  const shop = begun('exits:2');
  until(shop, isOver(shop));
  t.match(shop.lastRollout(), { state: 'failed', reason: /v1 goes on serving/, failure: { exitCode: 1 } });
  t.ok(shop.cluster.settle());
  t.equal(count(shop, 1, 'routed'), 3);
  t.equal(shop.cluster.snapshot.allocations.length, 3);
});

t.test('what dies is replaced by its own release, and the canary goes on', async (t) => {
  const shop = begun();
  until(shop, inForce(shop, 20));
  for (const victim of [canaries(shop)[0], shop.cluster.snapshot.allocations[0]]) {
    if (victim) shop.cluster.crash(victim.id);
    shop.cluster.tick(250);
    step(shop);
  }
  until(shop, () => shop.cluster.serving().length === 4);
  t.equal(count(shop, 1, 'routed'), 3);
  t.equal(count(shop, 2, 'routed'), 1);
  t.equal(shop.cluster.snapshot.rollout?.state, 'canary');
});

t.test('a deploy during a canary replaces the canary alone', async (t) => {
  const shop = begun();
  until(shop, inForce(shop, 20));
  shop.deploy(specOf('good:3'));
  until(shop, () => canaries(shop).some((a) => a.release === 3));
  until(shop, inForce(shop, 20));
  t.equal(count(shop, 1, 'routed'), 3);
  t.equal(count(shop, 2, 'routed'), 0);
});

t.test('a deploy of what stable runs takes the canary away', async (t) => {
  const shop = begun();
  until(shop, inForce(shop, 20));
  shop.deploy(specOf('good:1'));
  until(shop, isOver(shop));
  t.ok(shop.cluster.settle());
  t.equal(shop.cluster.snapshot.allocations.length, 3);
  t.equal(shop.cluster.snapshot.service.planned.stable, 1);
});

t.test('a share set by hand moves alone, and no step moves it any more', async (t) => {
  const shop = begun('good:2', { canarySteps: [5, 25], stepMs: 2_000, autoPromote: true });
  until(shop, inForce(shop, 5));
  shop.promote(60);
  until(shop, inForce(shop, 60));
  t.equal(canaries(shop).length, 2, 'its size follows');
  shop.cluster.tick(60_000);
  step(shop);
  t.equal(weight(shop), 60);
  shop.promote(0);
  until(shop, inForce(shop, 0));
  for (const wrong of [-1, 101, 1.5, Number.NaN])
    t.throws(() => shop.promote(wrong), { code: 'BODY_INVALID' });
  shop.promote();
  until(shop, isOver(shop));
  t.equal(shop.lastRollout()?.state, 'succeeded');
});

t.test('steps follow each other in time, and the last one promotes', async (t) => {
  const shop = begun('good:2', { canarySteps: [5, 25, 50], stepMs: 10_000, autoPromote: true });
  const seen: number[] = [];
  until(shop, () => {
    if (seen.at(-1) !== weight(shop)) seen.push(weight(shop));
    return isOver(shop)();
  });
  t.same(seen, [0, 5, 25, 50, 100, 0]);
  t.equal(shop.lastRollout()?.state, 'succeeded');
});

t.test('paused, nothing moves; resumed, it goes on', async (t) => {
  const shop = begun('good:2', { canarySteps: [5, 25], stepMs: 2_000, autoPromote: true });
  until(shop, inForce(shop, 5));
  t.throws(() => shop.resume(), { code: 'CONFLICT' });
  shop.pause();
  t.throws(() => shop.pause(), { code: 'CONFLICT' });
  t.throws(() => shop.promote(), { code: 'CONFLICT', message: /paused by ops/ });
  shop.cluster.tick(60_000);
  step(shop);
  t.equal(weight(shop), 5);
  t.match(shop.cluster.plan().waits, [/paused by ops/]);
  shop.resume();
  until(shop, isOver(shop));
  t.equal(shop.lastRollout()?.state, 'succeeded');
});

t.test('a rolling update can be paused half-way', async (t) => {
  const shop = running();
  shop.deploy(aSpec({ container: { image: 'good:2' } }));
  until(shop, () => count(shop, 2, 'routed') === 1);
  shop.pause();
  const before = shop.cluster.snapshot.allocations.length;
  for (let i = 0; i < 50; i += 1) {
    shop.cluster.tick(3_000);
    step(shop);
  }
  t.equal(shop.cluster.snapshot.rollout?.state, 'rolling', 'no deadline is held against it');
  t.ok(shop.cluster.snapshot.allocations.length <= before);
  shop.resume();
  until(shop, isOver(shop));
  t.equal(shop.lastRollout()?.state, 'succeeded');
});

t.test('without enough requests a step is prolonged and says so', async (t) => {
  const shop = begun('good:2', { canarySteps: [5], stepMs: 5_000, autoPromote: true, analysis: limits() });
  until(shop, inForce(shop, 5));
  shop.cluster.figures = counted([10, 0, 20], [0, 0, 20]);
  step(shop);
  shop.cluster.figures = counted([500, 0, 20], [49, 0, 20]);
  shop.cluster.tick(60_000);
  step(shop);
  t.match(shop.cluster.plan().waits.join(), /had 49 of 50 requests, so the step is prolonged/);
  shop.cluster.figures = counted([600, 0, 20], [50, 0, 20]);
  until(shop, isOver(shop));
  t.match(shop.lastRollout(), {
    state: 'succeeded',
    canary: { verdicts: [{ weight: 5, result: 'passed', canary: { requests: 50, errorRate: 0 } }] },
  });
});

t.test('over its limits for two windows in a row it is taken back, with its figures', async (t) => {
  const shop = begun('good:2', {
    canarySteps: [5, 50],
    stepMs: 5_000,
    autoPromote: true,
    analysis: limits(),
  });
  until(shop, inForce(shop, 5));
  let requests = 0;
  until(
    shop,
    () => {
      requests += 20;
      shop.cluster.figures = counted([requests * 10, 0, 20], [requests, requests / 20, 20]);
      return isOver(shop)();
    },
    250,
  );
  t.match(shop.lastRollout(), {
    state: 'failed',
    reason: /over its limits for 2 windows in a row: 5\.0 % of \d+ requests failed, at most 1 %; v1 goes on/,
    canary: { verdicts: [{ result: 'failed' }, { result: 'failed' }] },
  });
  t.equal(count(shop, 1, 'routed'), 3);
});

t.test('a job runs before anything else, and its failure changes nothing', async (t) => {
  for (const strategy of ['rolling', 'canary'] as const) {
    const deploy = { strategy, preDeploy: { command: ['./migrate'], timeoutMs: 60_000 } };
    const shop = running(specOf('good:1', { strategy }));
    shop.deploy(specOf('good:2', deploy));
    until(shop, () => shop.cluster.snapshot.allocations.some((a) => a.group === 'job'));
    t.equal(shop.cluster.snapshot.allocations.length, 4);
    if (strategy === 'rolling') until(shop, isOver(shop));
    else until(shop, inForce(shop, 20));
    t.equal(
      shop.cluster.log.filter((a) => a.kind === 'create-allocation' && a.allocation.group === 'job').length,
      1,
    );
    t.notOk(
      shop.cluster.snapshot.allocations.some((a) => a.group === 'job'),
      'and it is gone',
    );
  }
  for (const [command, says] of [
    ['fails', /pre_deploy job failed: exited with 1/],
    ['hangs', /not done within 60 s/],
  ] as const) {
    const shop = running();
    const before = shop.cluster.snapshot.allocations.map((a) => a.id);
    const preDeploy = { command: [command], timeoutMs: 60_000 };
    shop.deploy(aSpec({ container: { image: 'good:2' }, deploy: { preDeploy } }));
    until(shop, isOver(shop));
    t.match(shop.lastRollout(), { state: 'failed', reason: says });
    t.ok(shop.cluster.settle());
    t.same(
      shop.cluster.snapshot.allocations.map((a) => a.id),
      before,
    );
  }
});
