/** Taking over what runs where only the labels of containers are left to say what it is. */
import t from 'tap';
import { adopt } from '../../../../master/plan/adopt.js';
import type { Claim } from '../../../../master/plan/claims.js';
import { assigned, claimOf, onlyService } from './claimed.js';
import { running } from './cluster.js';
import { aDeploy, aSpec } from './things.js';

t.test('labels alone are enough where one release runs; a canary that was promoted is stable', async (t) => {
  const deploy = aDeploy({ strategy: 'canary', canarySteps: [50] });
  const shop = running(aSpec({ deploy }), 1);
  shop.deploy(aSpec({ deploy, container: { image: 'good:2' } }));
  for (let step = 0; step < 40; step += 1) {
    shop.cluster.plan();
    shop.cluster.tick(300);
  }
  const asMade = assigned(shop.cluster.snapshot, shop.cluster.snapshot, 'n1').allocations;
  const labelled = (all: typeof asMade): Claim => claimOf(shop, 'n1', { assignment: null, labelled: all });
  const both = adopt([labelled(asMade)], [], 1);
  t.match(onlyService(both), {
    rollout: { state: 'canary', release: 2 },
    service: { planned: { stable: 1 } },
  });
  const canary = asMade.filter(({ group }) => group === 'canary');
  const promoted = adopt([labelled(canary)], [], 1);
  t.match(onlyService(promoted), {
    rollout: null,
    service: { planned: { stable: 2, canaryWeight: 0 } },
    allocations: [{ group: 'stable', desired: 'routed' }],
  });
  t.match(promoted.nodes, [{ source: 'labels', revision: 0 }]);
});

t.test('of labels the one of a canary that was promoted is no canary beside the next one', async (t) => {
  const deploy = aDeploy({ strategy: 'canary', canarySteps: [50] });
  const shop = running(aSpec({ deploy, replicas: 1 }), 1);
  const advance = (isDone: () => boolean) => {
    for (let step = 0; step < 200 && !isDone(); step += 1) {
      shop.cluster.plan();
      shop.cluster.tick(300);
    }
  };
  shop.deploy(aSpec({ deploy, replicas: 1, container: { image: 'good:2' } }));
  advance(() =>
    shop.cluster.snapshot.allocations.some((a) => a.group === 'canary' && a.desired === 'routed'),
  );
  const asMade = assigned(shop.cluster.snapshot, shop.cluster.snapshot, 'n1').allocations;
  const made = new Map(asMade.map((one) => [one.id, one]));
  shop.promote();
  shop.cluster.settle();
  shop.deploy(aSpec({ deploy, replicas: 1, container: { image: 'good:3' } }));
  advance(() => shop.cluster.snapshot.allocations.some((a) => a.release === 3));
  const now = assigned(shop.cluster.snapshot, shop.cluster.snapshot, 'n1').allocations;
  const labelled = now.map((one) => made.get(one.id) ?? one);
  t.ok(
    labelled.every((one) => one.group === 'canary'),
    'as their labels say',
  );
  const [service] = adopt([claimOf(shop, 'n1', { assignment: null, labelled })], [], 1).services;
  t.match(service?.state, { rollout: { state: 'canary', release: 3 }, service: { planned: { stable: 2 } } });
  t.same(service?.state.allocations.map(({ release, group }) => [release, group]).sort(), [
    [2, 'stable'],
    [3, 'canary'],
  ]);
});
