import t from 'tap';
import { beginRollback } from '../../../../master/plan/begin.js';
import { count, running, type Shop, untilReplaced } from './cluster.js';
import { aContext, aSpec } from './things.js';

const v2 = aSpec({ container: { image: 'good:2' } });

t.test('redeploy always rolls, to a new release', async (t) => {
  const shop = running();
  shop.redeploy();
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2 });
});

t.test('rollback goes to the stored release, under its old number', async (t) => {
  const shop = running();
  shop.deploy(v2);
  shop.cluster.settle();
  const begun = shop.rollback();
  t.match(begun.changes, ['release: v2 → v1 (good:1)']);
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'succeeded', kind: 'rollback', release: 1 });
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.release),
    [1, 1, 1],
  );
  t.equal(shop.rollback(1).action, 'none');
  t.throws(() => shop.rollback(), { code: 'NOTHING_TO_ROLL_BACK' });
  t.throws(() => shop.rollback(7), { code: 'RELEASE_NOT_FOUND' });
});

t.test('a rollback while rolling goes back to what served before', async (t) => {
  const shop = running();
  shop.deploy(v2);
  untilReplaced(shop);
  shop.rollback();
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'succeeded', kind: 'rollback', release: 1 });
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.release),
    [1, 1, 1],
  );
});

t.test('a deploy of what served before, amid a rollout, ends when all of it serves again', async (t) => {
  const until = (shop: Shop, holds: () => boolean): void => {
    for (let i = 0; i < 400 && !holds(); i += 1) {
      shop.cluster.plan();
      shop.cluster.tick(250);
    }
  };
  const shop = running();
  shop.deploy(v2);
  until(shop, () => count(shop, 1, 'routed') === 2 && count(shop, 1, 'draining') === 0);
  shop.deploy(aSpec());
  until(shop, () => shop.cluster.snapshot.rollout === null);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 1 });
  t.same(
    shop.cluster.serving().map((a) => a.release),
    [1, 1, 1],
  );
});

t.test('a deploy during a deploy replaces both', async (t) => {
  const shop = running();
  shop.deploy(v2);
  untilReplaced(shop);
  shop.deploy(aSpec({ container: { image: 'good:3' } }));
  t.equal(shop.cluster.settle(), true);
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.release),
    [3, 3, 3],
  );
  t.match(shop.ended, [{ state: 'superseded' }]);
});

t.test('scale down retires the highest slots', async (t) => {
  const shop = running();
  shop.scale(1);
  t.equal(shop.cluster.settle(), true);
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.slot),
    [0],
  );
  shop.scale(0);
  t.equal(shop.cluster.settle(), true);
  t.same(shop.cluster.snapshot.allocations, []);
});

t.test('stop retires everything and start brings the stable release back', async (t) => {
  const shop = running();
  shop.stop();
  t.equal(shop.cluster.settle(), true);
  t.same(shop.cluster.snapshot.allocations, []);
  shop.start();
  t.equal(shop.cluster.settle(), true);
  t.equal(shop.cluster.serving().length, 3);
});

t.test(
  'a deploy of a stopped service starts the new release alone, and the service runs from then on',
  async (t) => {
    const shop = stopped();
    shop.deploy(v2);
    t.equal(shop.cluster.settle(), true);
    t.match(shop.lastRollout(), { state: 'succeeded', release: 2, from: null });
    t.match(shop.cluster.snapshot.service, { desired: 'running', planned: { stable: 2 } });
    t.same(created(shop), [2, 2, 2]);
    t.equal(shop.cluster.serving().length, 3);
  },
);

t.test('redeploy, rollback and a deploy of what it ran start a stopped service', async (t) => {
  for (const begin of ['redeploy', 'again', 'rollback'] as const) {
    const shop = stopped();
    if (begin === 'redeploy') shop.redeploy();
    else if (begin === 'again') shop.deploy(aSpec({ container: { image: 'good:1' } }));
    else shop.rollback(1);
    t.equal(shop.cluster.settle(), true, begin);
    t.equal(shop.lastRollout()?.state, 'succeeded', begin);
    t.equal(shop.cluster.snapshot.service.desired, 'running', begin);
    t.equal(shop.cluster.serving().length, 3, begin);
  }
});

t.test('a deploy of a stopped service that fails, at any step, has started nothing that stays', async (t) => {
  for (const image of ['absent:1', 'exits:1', 'never-ready:1']) {
    const shop = stopped();
    shop.deploy(aSpec({ container: { image }, deploy: { progressDeadlineMs: 5_000 } }));
    t.equal(shop.cluster.settle(), true, image);
    t.match(shop.lastRollout(), { state: 'failed', reason: /the service stays stopped$/ }, image);
    t.match(shop.cluster.snapshot.service, { desired: 'stopped', planned: { stable: 1 } }, image);
    t.same(shop.cluster.snapshot.allocations, [], image);
    t.notOk(created(shop).includes(1), `${image}: nor the old release`);
  }
});

t.test('a stop while a stopped service is started ends that', async (t) => {
  const shop = stopped();
  shop.deploy(v2);
  for (let i = 0; i < 5; i += 1) {
    shop.cluster.plan();
    shop.cluster.tick(300);
  }
  shop.stop();
  t.equal(shop.cluster.settle(), true);
  t.equal(shop.cluster.snapshot.service.desired, 'stopped');
  t.same(shop.cluster.snapshot.allocations, []);
});

t.test('a canary strategy has nothing to be a canary of while the service is stopped', async (t) => {
  const shop = stopped();
  shop.deploy(aSpec({ container: { image: 'good:2' }, deploy: { strategy: 'canary' } }));
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2, canary: null });
});

t.test('a removed service is forgotten once nothing of it is left', async (t) => {
  const shop = running();
  shop.remove();
  t.throws(() => shop.deploy(v2), { code: 'CONFLICT' });
  for (let i = 0; i < 60; i += 1) {
    shop.cluster.plan();
    shop.cluster.tick(500);
  }
  t.same(shop.cluster.snapshot.allocations, []);
  t.equal(shop.cluster.log.at(-1)?.kind, 'delete-service');
});

t.test(
  'back is what served before, not what was rolled back from, and is kept through any number of failures',
  async (t) => {
    const shop = running();
    shop.deploy(v2);
    shop.cluster.settle();
    shop.rollback();
    shop.cluster.settle();
    shop.deploy(aSpec({ container: { image: 'good:3' } }));
    shop.cluster.settle();
    t.equal(shop.cluster.snapshot.service.planned.stable, 3);
    for (let n = 0; n < 12; n += 1) {
      shop.deploy(aSpec({ container: { image: `exits:${n}` } }));
      shop.cluster.settle();
    }
    t.match(shop.rollback().changes, ['release: v3 → v1 (good:1)']);
    t.equal(shop.cluster.settle(), true);
    t.equal(shop.cluster.snapshot.service.planned.stable, 1);
  },
);

t.test('a rollback amid an update names what goes, and no release twice', async (t) => {
  const shop = running();
  shop.deploy(aSpec({ container: { image: 'slow:2' } }));
  shop.cluster.plan();
  const early = structuredClone(shop.current());
  t.same(beginRollback(early, null, aContext()).changes, ['release: v1 (good:1) stays']);
  for (let i = 0; i < 20 && shop.cluster.snapshot.rollout?.state !== 'rolling'; i += 1) {
    shop.cluster.tick(200);
    shop.cluster.plan();
  }
  t.same(shop.rollback().changes, ['release: v2 → v1 (good:1)']);
});

/** A shop that ran its first release and was stopped; its log begins there. */
function stopped(): Shop {
  const shop = running();
  shop.stop();
  shop.cluster.settle();
  shop.cluster.log.length = 0;
  return shop;
}

/** The releases of the allocations that were made, in their order. */
function created(shop: Shop): number[] {
  return shop.cluster.log.flatMap((action) =>
    action.kind === 'create-allocation' ? [action.allocation.release] : [],
  );
}
