/** What users ask for while a canary stands, and while it is promoted: where it ends, with all the promises checked. */
import t, { type Test } from 'tap';
import { begun, canaries, inForce, isOver, specOf, until, weight } from './canary-shop.js';
import { count, type Shop } from './cluster.js';
import { checkShape, step } from './promises.js';

/** The three places in which a canary can be met. */
const places: [string, (shop: Shop) => void][] = [
  ['during a canary', () => undefined],
  ['while it grows', (shop) => shop.promote()],
  [
    'while stable goes',
    (shop) => {
      shop.promote();
      until(shop, () => count(shop, 1, 'draining') > 0);
    },
  ],
];

function inCanary(come: (shop: Shop) => void): Shop {
  const shop = begun('good:2');
  until(shop, inForce(shop, 20));
  come(shop);
  return shop;
}

/** Goes on, with all the promises checked, until nothing moves any more. */
function rest(shop: Shop): void {
  for (let i = 0; i < 200; i += 1) {
    step(shop);
    shop.cluster.tick(500);
  }
}

const runs = (shop: Shop): [number, string][] =>
  shop.cluster.snapshot.allocations.map((a) => [a.release, a.group]);
const all = (release: number, copies = 3): [number, string][] =>
  Array.from({ length: copies }, () => [release, 'stable']);

/** The canary would be all that is left, and get everything whatever its share. */
function refusesNone(t: Test, shop: Shop): void {
  const before = structuredClone(shop.cluster.snapshot.service);
  const hint = /`orca rollback api` or `orca promote api` first; `orca stop api`/;
  t.throws(() => shop.scale(0), { code: 'CONFLICT', message: /api has the canary v2/, hint });
  t.throws(() => shop.deploy({ ...specOf('good:2'), replicas: 0 }), { code: 'CONFLICT' });
  t.same(shop.cluster.snapshot.service, before);
}

for (const [where, come] of places) {
  t.test(`${where} a stop ends it, and a start brings stable back`, async (t) => {
    const shop = inCanary(come);
    shop.stop();
    rest(shop);
    t.match(shop.ended.at(-1), {
      release: 2,
      state: 'superseded',
      reason: 'superseded: the service was stopped',
    });
    t.same(runs(shop), []);
    t.equal(weight(shop), 0);
    shop.start();
    rest(shop);
    t.same(runs(shop), all(1));
    checkShape(shop);
  });

  t.test(`${where} a start changes nothing`, async (t) => {
    const shop = inCanary(come);
    const { rollout } = shop.cluster.snapshot;
    shop.start();
    t.same(shop.cluster.snapshot.rollout, rollout);
  });

  t.test(`${where} a removal leaves nothing`, async (t) => {
    const shop = inCanary(come);
    shop.remove();
    for (const ask of [() => shop.promote(), () => shop.rollback(), () => shop.scale(2)])
      t.throws(ask, { code: 'CONFLICT' });
    rest(shop);
    t.same(runs(shop), []);
    t.ok(shop.cluster.log.some((action) => action.kind === 'delete-service'));
  });

  t.test(`${where} a redeploy takes its place with the newest image`, async (t) => {
    const shop = inCanary(come);
    shop.redeploy();
    until(shop, inForce(shop, 20));
    t.match(shop.cluster.snapshot.rollout, { kind: 'redeploy', from: 1, release: 3, takesBack: 2 });
    t.equal(count(shop, 1, 'routed'), 3, 'stable is whole beside it');
    t.equal(count(shop, 2, 'routed'), 0);
  });

  t.test(`${where} a scale goes for both groups`, async (t) => {
    const shop = inCanary(come);
    shop.scale(6);
    if (shop.cluster.snapshot.rollout?.state === 'canary' && where === 'during a canary') {
      until(shop, () => canaries(shop).filter((a) => a.desired === 'routed').length === 2);
      t.equal(count(shop, 1, 'routed'), 6);
      shop.promote();
    }
    until(shop, isOver(shop));
    rest(shop);
    t.same(runs(shop), all(2, 6));
    checkShape(shop);
  });

  t.test(`${where} a scale down leaves both as large as they should be`, async (t) => {
    const shop = inCanary(come);
    shop.scale(1);
    if (where === 'during a canary') shop.promote();
    until(shop, isOver(shop));
    rest(shop);
    t.same(runs(shop), all(2, 1));
  });

  t.test(`${where} a scale to none, and back, keeps what was decided`, async (t) => {
    const shop = inCanary(come);
    if (where === 'during a canary') return refusesNone(t, shop);
    shop.scale(0);
    rest(shop);
    shop.scale(2);
    rest(shop);
    t.same(runs(shop), all(2, 2));
  });

  t.test(`${where} a rollback brings all back to stable`, async (t) => {
    const shop = inCanary(come);
    shop.rollback();
    until(shop, isOver(shop));
    t.match(shop.lastRollout(), { kind: 'rollback', state: 'succeeded', from: 1, release: 1, takesBack: 2 });
    rest(shop);
    t.same(runs(shop), all(1));
    checkShape(shop);
    t.throws(() => shop.rollback(), { code: 'NOTHING_TO_ROLL_BACK' });
    t.throws(() => shop.promote(), { code: 'NOTHING_TO_PROMOTE' });
  });

  t.test(`${where} a deploy of what stable runs brings all back to stable`, async (t) => {
    const shop = inCanary(come);
    shop.deploy(specOf('good:1'));
    until(shop, isOver(shop));
    rest(shop);
    t.same(runs(shop), all(1));
    t.match(shop.lastRollout(), { state: 'succeeded', takesBack: 2 });
  });

  t.test(`${where} a rollback needs no image: what stable runs is there`, async (t) => {
    const shop = inCanary(come);
    if (where === 'while stable goes') return;
    shop.cluster.host('n1').lost.add('sha256:good:1');
    shop.rollback();
    until(shop, isOver(shop));
    t.match(shop.lastRollout(), { kind: 'rollback', state: 'succeeded' });
    rest(shop);
    t.same(runs(shop), all(1));
  });
}

/** v1 was taken the place of by v2, which was a canary. */
function promoted(): Shop {
  const shop = inCanary((s) => s.promote());
  until(shop, isOver(shop));
  rest(shop);
  return shop;
}

t.test('after a promotion a rollback goes to the older release without steps', async (t) => {
  for (const to of [null, 1]) {
    const shop = promoted();
    shop.rollback(to);
    until(shop, isOver(shop));
    t.match(shop.lastRollout(), { kind: 'rollback', state: 'succeeded', from: 2, release: 1, canary: null });
    rest(shop);
    t.same(runs(shop), all(1));
  }
});

t.test('a rollback during a canary to an older release than stable takes both away', async (t) => {
  const shop = promoted();
  shop.deploy(specOf('good:3'));
  until(shop, inForce(shop, 20));
  shop.rollback(1);
  until(shop, isOver(shop));
  t.match(shop.lastRollout(), { state: 'succeeded', from: 2, release: 1, takesBack: 3 });
  rest(shop);
  t.same(runs(shop), all(1));
});

t.test('a rollback to a release whose image is gone says so, and changes nothing', async (t) => {
  const shop = promoted();
  const before = shop.cluster.snapshot.allocations;
  shop.cluster.host('n1').lost.add('sha256:good:1');
  shop.rollback(1);
  until(shop, isOver(shop));
  t.match(shop.lastRollout(), {
    state: 'failed',
    reason: 'image good:1 of v1: manifest unknown; v2 goes on serving',
    failure: { message: /Nothing was changed; `orca history api` lists the releases that are kept/ },
  });
  rest(shop);
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.id),
    before.map((a) => a.id),
  );
  t.throws(() => shop.rollback(7), { code: 'RELEASE_NOT_FOUND' });
  t.match(shop.redeploy().changes, ['image: good:2 is pulled again'], 'nor what a redeploy brings');
  until(shop, inForce(shop, 20));
  t.match(shop.cluster.snapshot.rollout, { release: 3, spec: { container: { image: 'good:2' } } });
});

t.test('a promotion whose image is gone fails with the reason, and stable stays as it was', async (t) => {
  const shop = inCanary(() => undefined);
  const before = shop.cluster.snapshot.allocations.filter((a) => a.group === 'stable');
  shop.cluster.host('n1').lost.add('sha256:good:2');
  shop.promote();
  until(shop, isOver(shop));
  t.match(shop.lastRollout(), { state: 'failed', reason: /; v1 goes on serving$/ });
  rest(shop);
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.id),
    before.map((a) => a.id),
  );
});
