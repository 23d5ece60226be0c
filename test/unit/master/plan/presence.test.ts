import t from 'tap';
import { planService } from '../../../../master/plan/plan.js';
import { presenceOf } from '../../../../master/plan/presence.js';
import type { Shop } from './cluster.js';
import { running } from './cluster.js';
import { aSpec } from './things.js';

const timing = { silenceMs: 15_000, lostAfterMs: 60_000 };
const judge = (awaySinceMs: number | null, nowMs: number, presence = 'present' as const) =>
  presenceOf({ awaySinceMs, presence }, timing, nowMs);

t.test('silence makes a node unreachable, then lost, and says when', async (t) => {
  t.same(judge(null, 1e9), { presence: 'present', wakeAtMs: null });
  t.same(judge(1_000, 15_999), { presence: 'present', wakeAtMs: 16_000 });
  t.same(judge(1_000, 16_000), { presence: 'unreachable', wakeAtMs: 61_000 });
  t.same(judge(1_000, 61_000), { presence: 'lost', wakeAtMs: null });
});

t.test('only a report ends what was judged, not a new count of the silence', async (t) => {
  const again = (presence: 'unreachable' | 'lost') =>
    presenceOf({ awaySinceMs: 50_000, presence }, timing, 50_001);
  t.same(again('unreachable'), { presence: 'unreachable', wakeAtMs: 110_000 });
  t.same(again('lost'), { presence: 'lost', wakeAtMs: null });
});

/** Its nodes by the number of containers that wanted ones of them have. */
const live = ({ cluster }: Shop): string[] =>
  cluster.snapshot.allocations
    .filter(({ desired }) => desired === 'routed')
    .map(({ node }) => node)
    .sort();

function pass(shop: Shop, ms: number): void {
  for (let at = 0; at < ms; at += 250) {
    shop.cluster.plan();
    shop.cluster.tick(250);
  }
}

t.test('an unreachable node keeps its allocations: it may come back as it was', async (t) => {
  const shop = running(aSpec(), 3);
  const before = JSON.stringify(shop.cluster.snapshot.allocations.map(({ id }) => id));
  shop.cluster.disconnect('n3');
  pass(shop, 3_000);
  shop.cluster.connect('n3');
  t.ok(shop.cluster.settle());
  t.equal(JSON.stringify(shop.cluster.snapshot.allocations.map(({ id }) => id)), before);
});

t.test(
  'what a lost node ran is placed elsewhere; when it is back, what was replaced is stopped there',
  async (t) => {
    const shop = running(aSpec(), 3);
    t.same(live(shop), ['n1', 'n2', 'n3']);
    shop.cluster.disconnect('n3');
    t.ok(shop.cluster.settle(), 'the service is as wanted without it');
    t.equal(live(shop).length, 3);
    t.notOk(live(shop).includes('n3'));
    t.equal(shop.cluster.host('n3').containers.size, 1, 'nobody could tell it');
    t.ok(shop.cluster.log.some((a) => a.kind === 'event' && /n3 is lost/.test(a.event.message)));
    shop.cluster.connect('n3');
    shop.cluster.tick(250);
    t.ok(shop.cluster.settle());
    t.equal(shop.cluster.containers(), 3, 'none too many, none too few');
    t.same(shop.cluster.host('n3').containers.size, 0);
  },
);

t.test('one that is back before its replacement serves goes on, and the replacement goes', async (t) => {
  const shop = running(aSpec({ container: { image: 'slow:1' } }), 3);
  const before = live(shop);
  shop.cluster.disconnect('n3');
  for (let i = 0; i < 100 && shop.cluster.snapshot.allocations.length === 3; i += 1) pass(shop, 250);
  t.equal(shop.cluster.snapshot.allocations.length, 4);
  shop.cluster.connect('n3');
  t.ok(shop.cluster.settle());
  t.same(live(shop), before);
  t.equal(shop.cluster.containers(), 3);
});

t.test('what has a named volume on a lost node waits for it, and says so', async (t) => {
  const spec = aSpec({ replicas: 2, container: { volumes: [{ name: 'data', path: '/data' }] } });
  const shop = running(spec, 2);
  shop.cluster.disconnect('n2');
  pass(shop, 8_000);
  const { allocations } = shop.cluster.snapshot;
  t.same(allocations.map(({ node }) => node).sort(), ['n1', 'n2']);
  t.match(planService(shop.cluster.snapshot, shop.cluster.nowMs).waits, [
    /host-n2 is lost, and its volume is there/,
  ]);
  shop.cluster.connect('n2');
  t.ok(shop.cluster.settle());
  t.same(
    shop.cluster.snapshot.allocations,
    allocations.map((a) => ({
      ...a,
      observed: shop.cluster.snapshot.allocations.find(({ id }) => id === a.id)?.observed,
    })),
  );
});

t.test('a rollout that meets a lost node goes on without it', async (t) => {
  const shop = running(aSpec(), 3);
  shop.cluster.disconnect('n3');
  shop.deploy(aSpec({ container: { image: 'good:2' } }));
  t.ok(shop.cluster.settle());
  t.match(shop.lastRollout(), { state: 'succeeded' });
  t.notOk(live(shop).includes('n3'));
  shop.cluster.connect('n3');
  shop.cluster.tick(250);
  t.ok(shop.cluster.settle());
  t.equal(shop.cluster.containers(), 3);
});
