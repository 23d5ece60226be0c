import t from 'tap';
import { begun, counted, inForce, isOver, limits, specOf, until, weight } from './canary-shop.js';
import { count, running } from './cluster.js';
import { step } from './promises.js';
import { aSpec } from './things.js';

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
  const seen = {
    result: 'prolonged',
    reason: /49 of 50/,
    canary: { requests: 49 },
    stable: { requests: 490 },
  };
  t.match(shop.cluster.snapshot.rollout?.canary?.verdicts, [seen]);
  shop.cluster.tick(60_000);
  step(shop);
  t.equal(shop.cluster.snapshot.rollout?.canary?.verdicts.length, 1, 'once');
  shop.cluster.figures = counted([600, 0, 20], [50, 0, 20]);
  until(shop, isOver(shop));
  t.match(shop.lastRollout(), {
    state: 'succeeded',
    canary: { verdicts: [seen, { weight: 5, result: 'passed', canary: { requests: 50, errorRate: 0 } }] },
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
    t.match(
      (shop.cluster.snapshot.rollout ?? shop.lastRollout())?.job,
      { release: 2, exitCode: 0 },
      'but for its end',
    );
  }
  for (const [command, says, line] of [
    ['fails', /pre_deploy job failed: exited with 1/, 'it went wrong'],
    ['hangs', /not done within 60 s/, 'it went on and on'],
  ] as const) {
    const shop = running();
    const before = shop.cluster.snapshot.allocations.map((a) => a.id);
    const preDeploy = { command: [command], timeoutMs: 60_000 };
    shop.deploy(aSpec({ container: { image: 'good:2' }, deploy: { preDeploy } }));
    until(shop, isOver(shop));
    t.match(shop.lastRollout(), {
      state: 'failed',
      reason: says,
      failure: { lastLogs: [line] },
      job: { lines: [line] },
    });
    t.match(shop.lastRollout()?.failure?.message, /`orca logs api --group job` shows its last lines/);
    const late = command === 'hangs' ? 'was not done within 60 s, and was stopped' : undefined;
    t.equal(shop.lastRollout()?.job?.stopped, late);
    t.throws(() => shop.rollback(2), {
      code: 'CONFLICT',
      message: /v2 of api has never run: its pre_deploy job/,
    });
    t.ok(shop.cluster.settle());
    t.same(
      shop.cluster.snapshot.allocations.map((a) => a.id),
      before,
    );
  }
});

t.test('a job that is not done in its time is stopped first, so that its last lines are there', async (t) => {
  const shop = running();
  const preDeploy = { command: ['hangs'], timeoutMs: 60_000 };
  shop.deploy(aSpec({ container: { image: 'good:2' }, deploy: { preDeploy } }));
  const job = () => shop.cluster.snapshot.allocations.find((a) => a.group === 'job');
  until(shop, () => job()?.desired === 'stopped');
  t.match(shop.cluster.snapshot.rollout, {
    state: 'pre_deploy',
    reason: /its pre_deploy job was not done within 60 s; it is being stopped/,
  });
  const cut = running();
  cut.deploy(aSpec({ container: { image: 'good:2' }, deploy: { preDeploy } }));
  until(cut, () => cut.cluster.snapshot.rollout?.failure != null);
  cut.cluster.disconnect('n1');
  cut.cluster.tick(600_000);
  step(cut);
  t.equal(cut.cluster.snapshot.rollout?.state, 'pre_deploy', 'nobody can be heard');
  cut.cluster.connect('n1');
  until(cut, isOver(cut));
  t.match(cut.lastRollout(), { state: 'failed', reason: /not done within 60 s/ });
});
