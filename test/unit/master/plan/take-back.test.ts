import t from 'tap';
import { running, type Shop } from './cluster.js';
import { aSpec } from './things.js';

const canary = { strategy: 'canary' as const, canaryWeight: 50, drainTimeoutMs: 60_000 };
const first = aSpec({ deploy: canary });
const second = aSpec({ deploy: canary, container: { image: 'good:2' } });

const all = ({ cluster }: Shop) => cluster.snapshot.allocations;
const ids = (shop: Shop, desired: string, release = 1) =>
  all(shop)
    .filter((one) => one.desired === desired && one.release === release)
    .map(({ id }) => id)
    .sort();
function until(shop: Shop, holds: () => boolean): void {
  for (let i = 0; i < 400 && !holds(); i += 1) {
    shop.cluster.plan();
    shop.cluster.tick(250);
  }
}

/** Promoted, and stable has been told to go. */
function letting(nodes = 1): { shop: Shop; stable: string[] } {
  const shop = running(first, nodes);
  shop.cluster.inFlight = 1_000;
  const stable = ids(shop, 'routed');
  shop.deploy(second);
  shop.cluster.settle();
  shop.promote();
  until(shop, () => ids(shop, 'draining').length === 3);
  shop.cluster.tick(250);
  return { shop, stable };
}

t.test('a rollback while stable drains takes its copies back, and makes none', async (t) => {
  const { shop, stable } = letting();
  const made = shop.cluster.snapshot.service.planned.nextAllocation;
  shop.rollback();
  until(shop, () => shop.cluster.snapshot.rollout === null);
  shop.cluster.settle();
  t.match(shop.lastRollout(), { kind: 'rollback', state: 'succeeded' });
  t.same(ids(shop, 'routed'), stable);
  t.equal(shop.cluster.snapshot.service.planned.nextAllocation, made);
  t.same(shop.cluster.faults, []);
});

t.test('at every moment of it enough copies answer', async (t) => {
  const { shop } = letting();
  shop.rollback();
  let least = Number.POSITIVE_INFINITY;
  until(shop, () => {
    least = Math.min(least, shop.cluster.serving().length);
    return shop.cluster.snapshot.rollout === null;
  });
  t.ok(least >= 3, `${least} answered`);
});

t.test('what was told to stop, is broken or is on a node that is lost is made anew', async (t) => {
  const { shop, stable } = letting(2);
  const [stopped = '', broken = ''] = stable;
  shop.cluster.updateAllocation(stopped, { desired: 'stopped' });
  shop.cluster.crash(broken);
  shop.cluster.tick(250);
  shop.rollback();
  until(shop, () => shop.cluster.snapshot.rollout === null);
  shop.cluster.settle();
  const now = ids(shop, 'routed');
  t.equal(now.length, 3);
  t.notOk(now.includes(stopped) || now.includes(broken), String(now));
  t.same(
    now.filter((id) => stable.includes(id)),
    stable.slice(2),
  );
});

t.test('one of which the drain is over in the same pass is stopped', async (t) => {
  const { shop } = letting();
  shop.cluster.inFlight = 0;
  for (let i = 0; i < 20; i += 1) shop.cluster.tick(1_000);
  for (const host of shop.cluster.hosts.values())
    for (const routing of host.routing.values())
      if (routing.state === 'draining') Object.assign(routing, { state: 'drained', inFlight: 0 });
  shop.cluster.tick(250);
  shop.rollback();
  const { actions } = shop.cluster.plan();
  const said = actions.flatMap((one) => (one.kind === 'set-desired' ? [one.id] : []));
  t.equal(new Set(said).size, said.length, 'nothing is told twice');
});

t.test('a scale up takes back what a scale down lets go', async (t) => {
  const shop = running(first);
  shop.cluster.inFlight = 1_000;
  const before = ids(shop, 'routed');
  shop.scale(1);
  until(shop, () => ids(shop, 'draining').length === 2);
  shop.scale(3);
  shop.cluster.settle();
  t.same(ids(shop, 'routed'), before);
});

t.test('a copy that has left a drained node is not taken back there', async (t) => {
  const shop = running(aSpec({ replicas: 1 }), 2);
  shop.cluster.inFlight = 1_000;
  const [from] = ids(shop, 'routed');
  shop.cluster.updateAllocation(from ?? '', { isMoving: true });
  until(shop, () => ids(shop, 'draining').length === 1);
  const [to] = ids(shop, 'routed');
  shop.cluster.crash(to ?? '');
  shop.cluster.settle();
  t.same(ids(shop, 'routed'), [to]);
});
