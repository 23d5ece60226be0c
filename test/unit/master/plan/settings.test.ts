/** What a deploy changes beside the container: in force with its rollout, never before, and back if that fails. */
import t from 'tap';
import type { ServiceSpec } from '../../../../shared/spec.js';
import { canaries, inForce, isOver, specOf, until, weight } from './canary-shop.js';
import { count, running, type Shop } from './cluster.js';
import { aSpec } from './things.js';

const plain = (change: Partial<ServiceSpec> = {}, image = 'good:1'): ServiceSpec =>
  aSpec({ replicas: 3, domains: ['a.test'], ...change, container: { image } });
const wide: Partial<ServiceSpec> = { replicas: 5, domains: ['b.test'] };
const failing = (spec: ServiceSpec, command: string): ServiceSpec => ({
  ...spec,
  deploy: { ...spec.deploy, preDeploy: { command: [command], timeoutMs: 20_000 } },
});
const live = ({ cluster }: Shop): number[] =>
  cluster.snapshot.allocations
    .filter((a) => a.group !== 'job' && (a.desired === 'running' || a.desired === 'routed'))
    .map((a) => a.release)
    .sort();
const inForceOf = ({ cluster }: Shop) => {
  const { spec, replicas } = cluster.snapshot.service;
  return { domains: spec.domains, replicas, image: spec.container.image };
};
const asBefore = { domains: ['a.test'], replicas: 3, image: 'good:1' };

/** Until the rollout has ended; on the way `holds` has to be true of every pass. */
function through(shop: Shop, holds: () => boolean): void {
  until(shop, () => {
    if (!holds()) throw new Error(`not so: ${JSON.stringify(shop.cluster.snapshot.rollout)}`);
    return isOver(shop)();
  });
}

for (const [what, spec] of [
  ['an image that is not there', plain(wide, 'absent:1')],
  ['a pre_deploy job that fails', failing(plain(wide, 'good:2'), 'fails')],
] as const) {
  t.test(`${what} changes neither domains nor replicas, not even for a while`, async (t) => {
    const shop = running(plain());
    const before = shop.cluster.snapshot.service.spec;
    t.ok(shop.deploy(spec).changes.includes('replicas: 3 → 5'));
    through(shop, () => shop.cluster.snapshot.service.spec === before && live(shop).length === 3);
    t.match(shop.lastRollout(), { state: 'failed', undo: null, replaces: null });
    t.ok(shop.cluster.settle());
    t.match(inForceOf(shop), asBefore);
    t.same(live(shop), [1, 1, 1]);
    t.match(shop.deploy(plain()).action, 'none', 'it is as it was before');
  });
}

t.test('what changes without a new container comes into force with the rollout that says so', async (t) => {
  const shop = running(plain());
  t.equal(shop.deploy(plain(wide)).action, 'update');
  t.match(inForceOf(shop), asBefore);
  until(shop, isOver(shop));
  t.match(inForceOf(shop), { ...asBefore, ...wide });
  t.match(shop.lastRollout(), { state: 'succeeded', reason: '5 of 5 replicas run v1', undo: null });
  t.same(live(shop), [1, 1, 1, 1, 1]);
});

t.test('a setting that moves no container is in force too', async (t) => {
  const shop = running(plain());
  const { deploy } = plain();
  shop.deploy({ ...plain(), deploy: { ...deploy, autoRollback: !deploy.autoRollback } });
  until(shop, isOver(shop));
  t.equal(shop.cluster.snapshot.service.spec.deploy.autoRollback, !deploy.autoRollback);
  t.equal(shop.lastRollout()?.state, 'succeeded');
});

t.test('a rollout that fails while it rolls gives back what it had changed', async (t) => {
  for (const image of ['exits:2', 'never:2', 'unmakeable:2']) {
    const shop = running(plain());
    shop.deploy(plain(wide, image));
    until(shop, () => shop.cluster.snapshot.rollout?.state === 'rolling');
    t.match(inForceOf(shop), { domains: ['b.test'], replicas: 5 });
    until(shop, isOver(shop));
    t.ok(shop.cluster.settle());
    t.match(inForceOf(shop), asBefore, image);
    t.same(live(shop), [1, 1, 1]);
  }
});

t.test('so does one that is taken back by a rollback, a stop, or a newer deploy that fails', async (t) => {
  const half = (): Shop => {
    const shop = running(plain());
    shop.deploy(plain(wide, 'slow:2'));
    until(shop, () => shop.cluster.snapshot.rollout?.state === 'rolling');
    return shop;
  };
  const back = half();
  back.rollback();
  until(back, isOver(back));
  t.ok(back.cluster.settle());
  t.match(inForceOf(back), asBefore);
  t.same(live(back), [1, 1, 1]);

  const stopped = half();
  stopped.stop();
  t.match(inForceOf(stopped), asBefore);
  t.ok(stopped.cluster.settle());
  stopped.start();
  t.ok(stopped.cluster.settle());
  t.same(live(stopped), [1, 1, 1]);

  const newer = half();
  newer.deploy(plain({ replicas: 4 }, 'exits:3'));
  until(newer, isOver(newer));
  t.ok(newer.cluster.settle());
  t.match(inForceOf(newer), asBefore, 'of what served before both');
  t.same(live(newer), [1, 1, 1]);
});

t.test(
  'a rollout under way goes on when the deploy that was to take its place fails at the start',
  async (t) => {
    const shop = running(plain());
    shop.deploy(plain(wide, 'good:2'));
    until(shop, () => count(shop, 2, 'routed') > 0);
    const { id } = shop.cluster.snapshot.rollout ?? {};
    shop.deploy(plain({}, 'absent:1'));
    until(shop, () => shop.cluster.snapshot.rollout?.id === id);
    t.match(shop.cluster.snapshot.rollout, { id, state: 'rolling', release: 2, replaces: null });
    until(shop, isOver(shop));
    t.match(shop.lastRollout(), { id, state: 'succeeded' });
    t.same(live(shop), [2, 2, 2, 2, 2]);
  },
);

t.test('of several that come before the first is prepared the newest counts', async (t) => {
  const shop = running(plain());
  shop.deploy(plain(wide, 'absent:1'));
  shop.deploy(plain({ replicas: 2 }, 'good:2'));
  t.equal(shop.cluster.snapshot.rollout?.replaces, null);
  until(shop, isOver(shop));
  t.match(inForceOf(shop), { domains: ['a.test'], replicas: 2, image: 'good:2' });
});

t.test('a scale that comes while a deploy is prepared holds, whatever becomes of the deploy', async (t) => {
  for (const image of ['good:2', 'absent:1', 'exits:1']) {
    const shop = running(plain());
    shop.deploy(plain(wide, image));
    shop.scale(4);
    until(shop, isOver(shop));
    t.ok(shop.cluster.settle());
    t.equal(shop.cluster.snapshot.service.replicas, 4, image);
    t.equal(live(shop).length, 4, image);
  }
});

t.test(
  'the same deploy again, with other settings, while it is prepared: the rollout takes them up',
  async (t) => {
    const shop = running(plain());
    shop.deploy(plain({}, 'good:2'));
    t.match(shop.deploy(plain(wide, 'good:2')), { action: 'update', following: 'r2' });
    t.match(inForceOf(shop), asBefore);
    until(shop, isOver(shop));
    t.match(inForceOf(shop), { ...wide, image: 'good:2' });
    t.match(shop.lastRollout()?.acts, [{ verb: 'update', detail: /replicas: 3 → 5/ }]);
  },
);

const requests: readonly [string, (shop: Shop) => void][] = [
  ['a deploy of an image that is not there', (shop) => shop.deploy(specOf('absent:1', {}, 5))],
  ['a deploy whose job fails', (shop) => shop.deploy(failing(specOf('good:4', {}, 5), 'fails'))],
  [
    'a redeploy while the registry is away',
    (shop) => {
      shop.cluster.host('n1').lost.add('sha256:good:3');
      shop.redeploy();
    },
  ],
  [
    'a rollback to a release whose image is gone',
    (shop) => {
      shop.cluster.host('n1').lost.add('sha256:good:1');
      shop.rollback(1);
    },
  ],
];

/** v2 serves, v1 is kept, and v3 is a canary with 20 %. */
function inCanary(): Shop {
  const shop = running(specOf('good:1'));
  shop.deploy(specOf('good:2'));
  until(shop, inForce(shop, 20));
  shop.promote();
  until(shop, isOver(shop));
  shop.deploy(specOf('good:3'));
  until(shop, inForce(shop, 20));
  return shop;
}

for (const [what, ask] of requests) {
  t.test(`${what} leaves a canary and its share as they were`, async (t) => {
    const shop = inCanary();
    const { id } = shop.cluster.snapshot.rollout ?? {};
    const before = canaries(shop).map((a) => a.id);
    ask(shop);
    t.not(shop.cluster.snapshot.rollout?.id, id);
    until(shop, () => {
      if (weight(shop) !== 20) throw new Error(`its share is ${weight(shop)} %`);
      return shop.cluster.snapshot.rollout?.id === id;
    });
    shop.cluster.host('n1').lost.clear();
    t.same(
      canaries(shop).map((a) => [a.id, a.desired]),
      before.map((one) => [one, 'routed']),
    );
    until(shop, inForce(shop, 20));
    t.equal(shop.cluster.snapshot.service.replicas, 3);
    shop.promote();
    until(shop, isOver(shop));
    t.ok(shop.cluster.settle());
    t.same(live(shop), [3, 3, 3]);
  });
}

t.test('a canary goes only when the next one has its image and its job is done', async (t) => {
  const shop = inCanary();
  const old = canaries(shop).map((a) => a.id);
  shop.deploy(failing(specOf('good:4'), 'migrates'));
  until(shop, () => shop.cluster.snapshot.rollout?.state === 'pre_deploy');
  t.equal(weight(shop), 20);
  until(shop, () => shop.cluster.snapshot.rollout?.replaces === null);
  t.ok(shop.cluster.snapshot.allocations.some((a) => a.group === 'job' && a.observed?.exitCode === 0));
  until(shop, inForce(shop, 20));
  t.notOk(
    canaries(shop).some((a) => old.includes(a.id)),
    'the first is gone before the second serves',
  );
});
