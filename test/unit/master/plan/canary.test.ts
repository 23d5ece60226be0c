import t from 'tap';
import { explain } from '../../../../master/plan/explain.js';
import { begun, canaries, inForce, isOver, specOf, until, weight } from './canary-shop.js';
import { count } from './cluster.js';
import { step } from './promises.js';

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

t.test('more copies than stable has are as many once they are promoted', async (t) => {
  const shop = begun('good:2', { canaryWeight: 50, canaryReplicas: 5 });
  until(shop, inForce(shop, 50));
  t.equal(canaries(shop).length, 5);
  shop.promote();
  until(shop, isOver(shop));
  t.ok(shop.cluster.settle());
  t.equal(count(shop, 2, 'routed'), 3);
  t.equal(shop.cluster.snapshot.allocations.length, 3);
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
  t.match(shop.lastRollout(), { kind: 'rollback', state: 'succeeded', from: 1, release: 1, takesBack: 2 });
  t.match(shop.ended, [
    { release: 2, state: 'superseded', acts: [{ verb: 'rollback', detail: 'to v1', by: 'ops' }] },
  ]);
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

t.test(
  'a canary that dies again and again is taken back, and its failure says how often it died',
  async (t) => {
    const shop = begun();
    const lastExit = { exitCode: 9, lastLogs: ['out of cards'] };
    until(shop, inForce(shop, 20));
    for (let n = 0; n < 3; n += 1) {
      until(shop, () => shop.cluster.serving().some((a) => a.group === 'canary') || isOver(shop)());
      const [victim] = canaries(shop);
      if (victim) shop.cluster.crash(victim.id);
      if (victim) shop.cluster.updateAllocation(victim.id, { lastExit });
      shop.cluster.tick(250);
      step(shop);
    }
    until(shop, isOver(shop));
    t.match(shop.lastRollout(), {
      state: 'failed',
      reason: /^it exited 3 times \(the last time with 9\); v1 goes on serving$/,
      failure: { exitCode: 9, lastLogs: ['out of cards'], restartCount: 3 },
    });
  },
);

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

t.test('the same deploy with another weight moves the share, and its history says who', async (t) => {
  const shop = begun();
  until(shop, inForce(shop, 20));
  const asked = shop.deploy(specOf('good:2', { canaryWeight: 50 }));
  t.match(asked, { action: 'update', following: 'r2', superseded: null });
  t.match(explain(asked, shop.current(), []), [
    /^rollout r2 already brings this$/,
    /^its canary v2 gets 50 %$/,
  ]);
  until(shop, inForce(shop, 50));
  t.equal(canaries(shop).length, 2, 'its size follows');
  t.match(shop.cluster.snapshot.rollout, {
    id: 'r2',
    canary: { steps: [50], isManual: false },
    acts: [{ verb: 'weight', detail: '50 % by a deploy', by: 'ops' }],
  });
  t.match(shop.deploy(specOf('good:2', { canaryWeight: 50 })), { action: 'none', rollout: null });
  shop.promote(60);
  t.match(shop.deploy(specOf('good:2', { canaryWeight: 50 })).rollout, null, 'what was set by hand stays');
  shop.deploy(specOf('good:2', { canaryWeight: 10 }));
  until(shop, inForce(shop, 10));
  shop.promote();
  const late = shop.deploy(specOf('good:2', { canaryWeight: 30 })).rollout;
  t.match(late, { canary: { weight: 10 }, acts: Object }, 'what is promoted gets all');
  t.equal(late?.acts.at(-1)?.verb, 'update');
});

t.test('the same deploy with other steps goes on at the last one that it has reached', async (t) => {
  const steps = (...canarySteps: number[]) => ({ canarySteps, stepMs: 600_000, autoPromote: true });
  const shop = begun('good:2', steps(5, 25));
  until(shop, inForce(shop, 5));
  const since = shop.cluster.snapshot.rollout?.canary?.inForceSinceMs;
  shop.deploy(specOf('good:2', steps(1, 5, 75)));
  t.match(shop.cluster.snapshot.rollout?.canary, { step: 1, weight: 5, inForceSinceMs: since });
  shop.deploy(specOf('good:2', steps(2, 3)));
  until(shop, inForce(shop, 3));
  shop.deploy(specOf('good:2', steps(10, 30)));
  t.match(shop.cluster.snapshot.rollout?.acts.at(-1)?.detail, '10 % (steps 10, 30) by a deploy');
  until(shop, inForce(shop, 10));
});

t.test('a greater share by hand waits until the grown group serves, a lesser one for nothing', async (t) => {
  const shop = begun('slow:2', { canaryWeight: 20 }, 4);
  until(shop, inForce(shop, 20));
  t.equal(canaries(shop).length, 1);
  shop.promote(100);
  until(shop, () => {
    const serving = shop.cluster.serving().filter((a) => a.group === 'canary').length;
    if (weight(shop) === 100 && serving < 4) t.fail(`100 % for ${serving} of 4`);
    return inForce(shop, 100)();
  });
  t.equal(canaries(shop).length, 4);
  const [victim] = canaries(shop);
  if (victim) shop.cluster.crash(victim.id);
  shop.cluster.tick(250);
  shop.promote(60);
  until(shop, inForce(shop, 60));
  t.ok(
    shop.cluster.serving().filter((a) => a.group === 'canary').length < 3,
    'though a copy is still starting',
  );
});
