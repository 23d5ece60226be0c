import t from 'tap';
import { beginDeploy, beginRollback } from '../../../../master/plan/begin.js';
import { explain } from '../../../../master/plan/explain.js';
import type { Begun } from '../../../../master/plan/snapshot.js';
import { begun, inForce, isOver, specOf, until } from './canary-shop.js';
import { count, running, type Shop } from './cluster.js';
import { aContext, aView } from './things.js';

const lines = (shop: Shop, asked: Begun): string[] => explain(asked, shop.current(), [aView()]);
const rollback = (shop: Shop, to: number | null = null): Begun =>
  beginRollback(shop.current(), to, aContext());
const deploy = (shop: Shop, ...spec: Parameters<typeof specOf>): Begun =>
  beginDeploy(shop.current(), specOf(...spec), aContext());

function inCanary(): Shop {
  const shop = begun('good:2');
  until(shop, inForce(shop, 20));
  return shop;
}

const gone = 'takes canary v2 away: its share goes back to v1, then it drains and goes; v1 is not touched';

t.test('a rollback of a canary takes it away and rolls nothing', async (t) => {
  const shop = inCanary();
  const asked = rollback(shop);
  t.same(asked.changes, ['release: v2 (canary) → v1 (good:1)']);
  t.same(lines(shop, asked), [gone]);
  shop.promote();
  t.same(lines(shop, rollback(shop)), [gone], 'while it grows too');
  until(shop, () => count(shop, 1, 'draining') > 0);
  t.same(lines(shop, rollback(shop)), [
    'brings v1 back: 3 allocations of it serve before canary v2 gives its requests back',
    'then canary v2 drains and goes',
  ]);
});

t.test('a rollback during a canary to another release says both', async (t) => {
  const shop = running(specOf('good:0'));
  shop.deploy(specOf('good:1'));
  until(shop, inForce(shop, 20));
  shop.promote();
  until(shop, isOver(shop));
  shop.deploy(specOf('good:2'));
  until(shop, inForce(shop, 20));
  const asked = rollback(shop, 1);
  t.same(asked.changes, ['release: v2 + v3 (canary) → v1 (good:0)']);
  t.match(lines(shop, asked), [
    /^takes canary v3 away: .* v2 is not touched$/,
    'looks for the image of v1 (good:0), and pulls it where it is gone; without it nothing changes',
    /^start-first/,
  ]);
});

t.test('a rollback of what has replaced nothing yet ends it', async (t) => {
  const shop = begun('good:2');
  t.match(lines(shop, rollback(shop)), [/^ends rollout r2, which has replaced nothing yet$/]);
});

t.test('a deploy of what stable runs takes the canary away', async (t) => {
  const shop = inCanary();
  const asked = deploy(shop, 'good:1');
  t.match(lines(shop, asked), [gone, /^looks whether good:1 is still the image that runs/]);
  t.match(lines(shop, deploy(shop, 'good:1', {}, 5)), [gone, /^goes from 3 to 5 replicas/, /^looks/]);
});

t.test('a deploy during a canary takes its place', async (t) => {
  const shop = inCanary();
  t.match(lines(shop, deploy(shop, 'good:3')), [
    gone,
    /^canary: starts 1 allocation beside stable, which gets 20 % when it is healthy$/,
  ]);
  t.match(lines(shop, deploy(shop, 'good:3', { strategy: 'rolling' })), [gone, /^start-first/]);
});

t.test('where no canary is under way nothing is said of one', async (t) => {
  const shop = running(specOf('good:1'));
  t.match(lines(shop, deploy(shop, 'good:2')), [/^canary: starts 1 allocation/]);
  t.match(lines(shop, deploy(shop, 'good:2', { canaryReplicas: 2 })), [
    /^canary: starts 2 allocations beside stable, which get 20 % when all of them are healthy$/,
  ]);
  t.match(lines(shop, deploy(shop, 'good:1')), [/^looks whether/]);
});

t.test('a job before it is said first; a rollback runs none', async (t) => {
  const preDeploy = { command: ['./migrate', 'the way up'], timeoutMs: 60_000 };
  const job =
    'pre_deploy: ["./migrate", "the way up"] runs once in the new image, for 60 s at most; nothing else is touched before it has ended with 0';
  for (const strategy of ['rolling', 'canary'] as const) {
    const shop = running(specOf('good:1', { strategy, preDeploy }));
    const again = deploy(shop, 'good:2', { strategy, preDeploy });
    t.equal(lines(shop, again)[0], job, strategy);
  }
  const shop = inCanary();
  t.notMatch(lines(shop, rollback(shop)).join(), /pre_deploy/);
});
