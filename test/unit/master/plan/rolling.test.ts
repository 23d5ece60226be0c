import t from 'tap';
import { count, running, Shop, untilReplaced } from './cluster.js';
import { aSpec } from './things.js';

const v1 = aSpec({ container: { image: 'good:1' } });
const v2 = aSpec({ container: { image: 'good:2' } });

t.test('a first deploy runs every replica and becomes stable', async (t) => {
  const shop = running();
  t.equal(shop.cluster.snapshot.service.planned.stable, 1);
  t.equal(shop.cluster.serving().length, 3);
  t.match(shop.lastRollout(), { state: 'succeeded', reason: '3 of 3 replicas run v1' });
});

t.test('an update replaces every allocation and never has fewer serving', async (t) => {
  const shop = running();
  shop.deploy(v2);
  let least = 3;
  let most = 0;
  for (let i = 0; i < 200; i += 1) {
    shop.cluster.plan();
    shop.cluster.tick(300);
    least = Math.min(least, shop.cluster.serving().length);
    most = Math.max(most, shop.cluster.containers());
  }
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2, from: 1 });
  t.equal(least, 3);
  t.equal(most, 4);
  t.same(
    shop.cluster.snapshot.allocations.map((a) => [a.slot, a.release]),
    [
      [0, 2],
      [1, 2],
      [2, 2],
    ],
  );
  t.same(shop.cluster.faults, []);
});

t.test('six copies stay spread two by two over three nodes, however often they are replaced', async (t) => {
  const shop = new Shop(aSpec({ replicas: 6, container: { image: 'good:1' } }), 3);
  for (let release = 1; release <= 4; release += 1) {
    shop.deploy(aSpec({ replicas: 6, container: { image: `good:${release}` } }));
    t.equal(shop.cluster.settle(), true);
    const nodes = shop.cluster.snapshot.allocations.map(({ node }) => node).sort();
    t.same(nodes, ['n1', 'n1', 'n2', 'n2', 'n3', 'n3'], `v${release}`);
  }
});

t.test('a release that exits at once fails the rollout and leaves the old one alone', async (t) => {
  const shop = running();
  const before = shop.cluster.snapshot.allocations.map((a) => a.id);
  shop.deploy(aSpec({ container: { image: 'exits:1' } }));
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'failed', failure: { exitCode: 1, lastLogs: ['it went wrong'] } });
  t.match(shop.lastRollout()?.reason, /^exited with 1 after 0.5 s; v1 goes on serving$/);
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.id),
    before,
  );
});

t.test('a first release that exits leaves nothing, and says why', async (t) => {
  const shop = new Shop(v1);
  shop.deploy(aSpec({ container: { image: 'exits:1' } }));
  t.equal(shop.cluster.settle(), true);
  t.same(shop.cluster.snapshot.allocations, []);
  t.same(shop.cluster.plan().waits, ['no release has succeeded yet: exited with 1 after 0.5 s']);
});

t.test('a crash half-way rolls back what was replaced', async (t) => {
  const shop = running();
  shop.deploy(v2);
  untilReplaced(shop);
  const victim = shop.cluster.snapshot.allocations.find((a) => a.release === 2 && a.desired === 'routed');
  shop.cluster.crash(victim?.id ?? '');
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'failed', reason: /rolled back to v1$/ });
  t.same(
    shop.cluster.snapshot.allocations.map((a) => a.release),
    [1, 1, 1],
  );
  t.equal(shop.cluster.serving().length, 3);
});

t.test(
  'without auto_rollback the healthy new ones stay, and the missing are filled with stable',
  async (t) => {
    const shop = running(aSpec({ deploy: { autoRollback: false } }));
    shop.deploy(aSpec({ container: { image: 'good:2' }, deploy: { autoRollback: false } }));
    for (let i = 0; i < 400 && count(shop, 1, 'routed') > 1; i += 1) {
      shop.cluster.plan();
      shop.cluster.tick(300);
    }
    const victim = shop.cluster.snapshot.allocations.find((a) => a.release === 2 && a.desired === 'routed');
    shop.cluster.crash(victim?.id ?? '');
    t.equal(shop.cluster.settle(), true);
    t.match(shop.lastRollout(), { state: 'failed', reason: /stay beside v1$/ });
    t.match(shop.cluster.snapshot.service.planned, { stable: 1, tolerated: 2 });
    t.same(shop.cluster.snapshot.allocations.map((a) => a.release).sort(), [1, 1, 2]);
    t.equal(shop.cluster.serving().length, 3);
  },
);

t.test('a release that is never ready fails at the progress deadline', async (t) => {
  const shop = running();
  shop.deploy(aSpec({ container: { image: 'never:1' } }));
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), {
    state: 'failed',
    reason: /^no progress within 60 s: shop.api.4 is starting; v1/,
  });
});

t.test('old copies of which nothing can be known are named while they are waited for', async (t) => {
  const shop = new Shop(aSpec({ replicas: 2, container: { image: 'good:1' } }), 2);
  shop.deploy(aSpec({ replicas: 2, container: { image: 'good:1' } }));
  t.equal(shop.cluster.settle(), true);
  const { nodes } = shop.cluster.snapshot;
  const engine = { state: 'down', version: null, apiVersion: null, reason: 'no socket' } as const;
  shop.cluster.snapshot.nodes = nodes.map((view) =>
    view.node.id === 'n2' ? { ...view, node: { ...view.node, engine } } : view,
  );
  shop.deploy(aSpec({ replicas: 2, container: { image: 'good:2' } }));
  for (let i = 0; i < 20; i += 1) {
    shop.cluster.plan();
    shop.cluster.tick(300);
  }
  t.match(shop.lastRollout(), { state: 'rolling', reason: /shop\.api\.\d: Docker is down on host-n2/ });
});

t.test('copies that no node takes fail it at the progress deadline, with what each node lacks', async (t) => {
  const container = { image: 'good:1', resources: { memoryBytes: 3 * 2 ** 30, cpus: null } };
  const shop = new Shop(aSpec({ container }), 2);
  shop.deploy(aSpec({ container }));
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), {
    state: 'failed',
    reason: /^no progress within 60 s: slot 2 of v1 can't be placed: 2 nodes: 2 without 3072 MiB free;/,
  });
});

t.test('an image that cannot be pulled makes no release and no allocation', async (t) => {
  const shop = running();
  shop.deploy(aSpec({ container: { image: 'absent:1' } }));
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), {
    state: 'failed',
    release: null,
    reason: /^image absent:1: manifest unknown/,
  });
  t.equal(shop.cluster.snapshot.releases.length, 1);
});

t.test('a container that cannot be made fails the rollout at once', async (t) => {
  const shop = running();
  shop.deploy(aSpec({ container: { image: 'unmakeable:1' } }));
  t.equal(shop.cluster.settle(60), true);
  t.match(shop.lastRollout(), { state: 'failed', reason: /^no such mount/ });
});

t.test('deploying what runs is a no-op that says so', async (t) => {
  const shop = running();
  const begun = shop.deploy(v1);
  t.equal(begun.action, 'none');
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), {
    state: 'succeeded',
    release: null,
    reason: 'nothing to change: v1 already runs',
  });
  t.equal(shop.cluster.snapshot.releases.length, 1);
});

t.test('a deploy that only changes replicas makes no release, and waits until they serve', async (t) => {
  const shop = running();
  const begun = shop.deploy(aSpec({ replicas: 5 }));
  t.match(begun, { action: 'update', changes: ['replicas: 3 → 5'] });
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'succeeded', reason: '5 of 5 replicas run v1' });
  t.equal(shop.cluster.snapshot.releases.length, 1);
  t.equal(shop.cluster.serving().length, 5);
});

t.test('a volume has a single writer: the old one stops first', async (t) => {
  const volumes = [{ name: 'data', path: '/data' }];
  const shop = running(aSpec({ replicas: 1, container: { volumes } }));
  shop.deploy(aSpec({ replicas: 1, container: { image: 'good:2', volumes } }));
  let most = 0;
  for (let i = 0; i < 100; i += 1) {
    shop.cluster.plan();
    shop.cluster.tick(300);
    most = Math.max(most, shop.cluster.containers());
  }
  t.equal(most, 1);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2 });
});

t.test('a fixed host port that only the old one holds makes it stop first', async (t) => {
  const extraPorts = [{ host: 2222, container: 22, protocol: 'tcp' as const }];
  const shop = running(aSpec({ replicas: 1, container: { extraPorts } }));
  shop.deploy(aSpec({ replicas: 1, container: { image: 'good:2', extraPorts } }));
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2 });
});

t.test('with max_surge 0 no more than max_unavailable are missing', async (t) => {
  const deploy = { maxSurge: 0, maxUnavailable: 2 };
  const shop = running(aSpec({ replicas: 4, deploy }));
  shop.deploy(aSpec({ replicas: 4, container: { image: 'good:2' }, deploy }));
  let least = 4;
  let most = 0;
  for (let i = 0; i < 300; i += 1) {
    shop.cluster.plan();
    shop.cluster.tick(200);
    least = Math.min(least, shop.cluster.serving().length);
    most = Math.max(most, shop.cluster.containers());
  }
  t.equal(least, 2);
  t.equal(most, 4);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2 });
});

t.test('a drain that takes longer than the progress deadline does not fail the rollout', async (t) => {
  const deploy = { progressDeadlineMs: 10_000, drainTimeoutMs: 60_000 };
  const shop = running(aSpec({ deploy }));
  shop.cluster.inFlight = 60;
  shop.deploy(aSpec({ container: { image: 'good:2' }, deploy }));
  t.equal(shop.cluster.settle(1_000), true);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2 });
});

t.test('a service that is not routed needs no ingress', async (t) => {
  const shop = running(aSpec({ domains: [] }));
  shop.deploy(aSpec({ domains: [], container: { image: 'good:2' } }));
  t.equal(shop.cluster.settle(), true);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2 });
  t.notOk(shop.cluster.log.some((a) => a.kind === 'set-desired' && a.desired !== 'stopped'));
});
