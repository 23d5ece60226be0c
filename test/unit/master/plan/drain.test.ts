/** What leaves a node that is drained, and what a rebalance moves: start-first, and nothing that can't go. */
import t from 'tap';
import { nextDrain } from '../../../../master/plan/drain.js';
import { OrcaError } from '../../../../shared/errors.js';
import type { NodeDrain } from '../../../../shared/model.js';
import { running, type Shop } from './cluster.js';
import { checkShape, step } from './promises.js';
import { aNode, anAllocation, aRelease, aService, aSpec, aView } from './things.js';

const spread = (shop: Shop): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { node } of shop.cluster.snapshot.allocations) counts[node] = (counts[node] ?? 0) + 1;
  return counts;
};

const drainOn = (shop: Shop, node: string): NodeDrain | null =>
  shop.cluster.snapshot.nodes.find((view) => view.node.id === node)?.node.drain ?? null;

/** Goes on for 30 s, with every promise checked at every pass. */
function passes(shop: Shop, each: () => void = () => undefined): void {
  for (let i = 0; i < 100; i += 1) {
    step(shop);
    each();
    shop.cluster.tick(300);
  }
}

t.test(
  'what runs on a drained node goes to the others, one at a time, and its service stays whole',
  async (t) => {
    const shop = running(aSpec({ replicas: 6 }), 3);
    t.same(spread(shop), { n1: 2, n2: 2, n3: 2 });
    shop.drain('n3');
    let most = 0;
    passes(shop, () => {
      t.ok(shop.cluster.serving().length >= 6, `${shop.cluster.serving().length} serve`);
      most = Math.max(most, shop.cluster.snapshot.allocations.length);
    });
    t.equal(most, 7, 'max_surge');
    t.same(spread(shop), { n1: 3, n2: 3 });
    t.match(drainOn(shop, 'n3'), { service: null, blocked: [], doneAtMs: Number });
    checkShape(shop);
  },
);

t.test('without room for a surge the old one goes first, one at a time', async (t) => {
  const shop = running(aSpec({ replicas: 4, deploy: { maxSurge: 0 } }), 2);
  shop.drain('n2');
  passes(shop, () => t.ok(shop.cluster.serving().length >= 3, `${shop.cluster.serving().length} serve`));
  t.same(spread(shop), { n1: 4 });
});

t.test('an undrain in the middle leaves what is there, and takes no more away', async (t) => {
  const shop = running(aSpec({ replicas: 4 }), 2);
  shop.drain('n2');
  step(shop);
  shop.undrain('n2');
  passes(shop);
  t.equal(shop.cluster.snapshot.allocations.length, 4);
  t.equal(drainOn(shop, 'n2'), null);
  checkShape(shop);
});

t.test('nothing moves while a node is missed that may be back in a moment', async (t) => {
  const shop = running(aSpec({ replicas: 6 }), 3);
  shop.cluster.disconnect('n2');
  shop.drain('n3');
  for (let i = 0; i < 4; i += 1) {
    step(shop);
    shop.cluster.tick(300);
  }
  t.equal(shop.cluster.snapshot.allocations.length, 6);
  t.ok(shop.cluster.plan().waits.includes('shop.api.3 leaves host-n3'));
  shop.cluster.connect('n2');
  passes(shop);
  t.same(spread(shop), { n1: 3, n2: 3 });
});

t.test('a canary that moves keeps its share', async (t) => {
  const deploy = { strategy: 'canary' as const, canaryReplicas: 1 };
  const shop = running(aSpec({ replicas: 2, deploy }), 3);
  shop.deploy(aSpec({ replicas: 2, deploy, container: { image: 'good:2' } }));
  passes(shop);
  const [canary] = shop.cluster.snapshot.allocations.filter((a) => a.group === 'canary');
  t.match(canary, { node: 'n3', desired: 'routed' });
  shop.drain('n3');
  passes(shop, () => t.equal(shop.cluster.snapshot.service.planned.canaryWeight, 20));
  const after = shop.cluster.snapshot.allocations.filter((a) => a.group === 'canary');
  t.equal(after.length, 1);
  t.not(after[0]?.node, 'n3');
});

t.test('a rollout goes on while its node is drained, and ends', async (t) => {
  const shop = running(aSpec({ replicas: 4 }), 2);
  shop.deploy(aSpec({ replicas: 4, container: { image: 'good:2' } }));
  for (let i = 0; i < 8; i += 1) {
    step(shop);
    shop.cluster.tick(300);
  }
  shop.drain('n2');
  passes(shop);
  t.same(spread(shop), { n1: 4 });
  t.equal(shop.lastRollout()?.state, 'succeeded');
  checkShape(shop);
});

t.test('what can’t leave is named, and keeps nothing else from leaving', async (t) => {
  const tenant = (name: string, change: object, placement = { node: null as string | null, labels: {} }) => {
    const spec = aSpec({ name, placement, replicas: 1, container: change });
    return {
      service: aService(spec),
      releases: [aRelease(1, spec)],
      rollout: null,
      allocations: [anAllocation(1, { id: `shop.${name}.1`, service: `shop/${name}`, desired: 'routed' })],
      nodes: [aView(node), aView(aNode('n2'))],
    };
  };
  const drain: NodeDrain = { by: 'ops', sinceMs: 0, service: null, blocked: [], doneAtMs: null };
  const node = { ...aNode('n1'), drain };
  const data = tenant('data', { volumes: [{ name: 'files', path: '/files' }] });
  const pinned = tenant('pinned', {}, { node: 'host-n1', labels: {} });
  const web = tenant('web', {});
  const next = nextDrain(node, [web, pinned, data], 5);
  t.same(next, {
    ...drain,
    service: 'shop/web',
    blocked: [
      {
        service: 'shop/data',
        reason:
          'its volume files is on this node; stop the service, or move the data and remove it (`orca rm`)',
      },
      {
        service: 'shop/pinned',
        reason: 'no other node can take it: 2 nodes: 1 draining, 1 not host-n1',
      },
    ],
  });
  t.match(nextDrain(node, [pinned], 5), { service: null, doneAtMs: null });
  t.match(nextDrain({ ...node, drain: next }, [tenant('aaa', {}), web], 6), { service: 'shop/web' });
  t.match(nextDrain({ ...node, drain: next }, [], 7), { service: null, blocked: [], doneAtMs: 7 });
  t.match(nextDrain({ ...node, drain: { ...next, doneAtMs: 7 } }, [], 8), { doneAtMs: 7 });
});

t.test('a rebalance moves as few as make it even, start-first', async (t) => {
  const shop = running(aSpec({ replicas: 6 }), 3);
  shop.drain('n3');
  passes(shop);
  shop.undrain('n3');
  passes(shop);
  t.same(spread(shop), { n1: 3, n2: 3 }, 'nothing moves back by itself');
  t.same(
    shop.rebalance().map(({ to }) => to),
    ['host-n3', 'host-n3'],
  );
  t.same(shop.rebalance(), [], 'asked again, no more is moved');
  passes(shop, () => t.ok(shop.cluster.serving().length >= 6));
  t.same(spread(shop), { n1: 2, n2: 2, n3: 2 });
  t.same(shop.rebalance(), []);
});

t.test('what has volumes is not rebalanced, nor what is being rolled', async (t) => {
  const shop = running(aSpec({ replicas: 2, container: { volumes: [{ name: 'data', path: '/data' }] } }), 2);
  t.throws(() => shop.rebalance(), new OrcaError('CONFLICT', 'shop/api stays where its volumes are'));
  const other = running(aSpec({ replicas: 2 }), 2);
  other.redeploy();
  t.throws(() => other.rebalance(), new OrcaError('CONFLICT', 'a rollout of shop/api is under way'));
});
