/** What holds for every service under everything that users and failures do to it, on a simulated cluster. */
import fc from 'fast-check';
import t from 'tap';
import { markOfPart, partOf, shareOf } from '../../../../master/plan/assignments.js';
import { planService } from '../../../../master/plan/plan.js';
import { fingerprint } from '../../../../shared/fingerprint.js';
import type { Shop } from './cluster.js';
import { checkDrains, checkShape, hasBadStable, same, step, turned } from './promises.js';
import { aShop, happenings, live, setups, unlessRefused } from './stories.js';

const runs = { numRuns: 60, includeErrorInReport: true };

t.test('whatever happens, the promises hold at every step and the service comes to rest', async (t) => {
  fc.assert(
    fc.property(setups, happenings, (setup, story) => {
      const shop = aShop(setup);
      live(shop, setup, story, () => step(shop));
      for (const host of shop.cluster.hosts.keys()) shop.cluster.connect(host);
      conclude(shop);
      const hasSettled = shop.cluster.settle();
      same(shop.cluster.faults, [], 'faults');
      if (hasBadStable(shop)) return shop.cluster.plan().waits.length > 0 || shop.cluster.containers() === 0;
      if (!hasSettled) throw new Error(`did not settle: ${shop.cluster.plan().waits.join('; ')}`);
      checkShape(shop);
      checkDrains(shop);
      const { allocations } = shop.cluster.snapshot;
      if (shop.cluster.serving().length !== allocations.length) throw new Error('some do not serve');
      return true;
    }),
    runs,
  );
  t.pass('held');
});

t.test('the order of what is in a snapshot makes no difference, and planning changes nothing', async (t) => {
  fc.assert(
    fc.property(setups, happenings, fc.nat(), (setup, story, turn) => {
      const shop = aShop(setup);
      live(shop, setup, story, () => {
        const { snapshot, nowMs } = shop.cluster;
        const before = JSON.stringify(snapshot);
        const plan = planService(snapshot, nowMs);
        same(planService(turned(snapshot, turn), nowMs), plan, 'the order mattered');
        same(JSON.parse(before), JSON.parse(JSON.stringify(snapshot)), 'the snapshot was changed');
        shop.cluster.plan();
      });
    }),
    runs,
  );
  t.pass('held');
});

t.test('what a node gets of a service has another mark whenever it is something else', async (t) => {
  fc.assert(
    fc.property(setups, happenings, (setup, story) => {
      const shop = aShop(setup);
      const parts = new Map<string, string>();
      live(shop, setup, story, () => {
        shop.cluster.plan();
        const { snapshot, hosts } = shop.cluster;
        const share = shareOf('test', snapshot);
        for (const id of hosts.keys()) {
          const mark = markOfPart(id, fingerprint(share), snapshot.allocations);
          const part = fingerprint(partOf(id, share, snapshot.allocations));
          same(part, parts.get(`${id} ${mark}`) ?? part, 'one mark for two');
          parts.set(`${id} ${mark}`, part);
        }
      });
    }),
    runs,
  );
  t.pass('held');
});

t.test('planning again without news comes to nothing after a few passes', async (t) => {
  fc.assert(
    fc.property(setups, happenings, (setup, story) => {
      const shop = aShop(setup);
      live(shop, setup, story, () => {
        for (let pass = 0; pass < 5; pass += 1) shop.cluster.plan();
        const last = shop.cluster.plan();
        if (last.actions.length > 0) throw new Error(`still at it: ${JSON.stringify(last.actions)}`);
      });
    }),
    runs,
  );
  t.pass('held');
});

/** What only a user ends: a pause, a canary that waits for its promotion, and a drain that leaves no node. */
function conclude(shop: Shop): void {
  shop.undrain('n1');
  unlessRefused(() => shop.resume());
  if (shop.cluster.snapshot.rollout?.spec.deploy.strategy === 'canary') unlessRefused(() => shop.rollback());
}
