/** What is asked of nodes is written with who asked, and what can't be is refused and changes nothing. */
import t, { type Test } from 'tap';
import { createDescribeNode } from '../../../../master/control/describe-node.js';
import { stepDrains } from '../../../../master/control/drains.js';
import { createFarewells } from '../../../../master/control/farewells.js';
import { createNodeCommands } from '../../../../master/control/node-commands.js';
import { createStates } from '../../../../master/control/states.js';
import { putHold } from '../../../../master/store/hold.js';
import type { Node } from '../../../../shared/model.js';
import { aNode, anAllocation, aRelease, aService, aSpec } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

function aCluster(t: Test) {
  const store = aStore(t);
  const states = createStates(store);
  const nodes = createDescribeNode(
    () => [{ name: 'two', address: null, labels: { zone: 'config' } }],
    () => 'n-1',
  );
  const farewells = createFarewells('c0');
  const commands = createNodeCommands({ store, states, nodes, farewells, isLocal: (id) => id === 'n-1' });
  store.write((tx) => {
    for (const [id, name] of [
      ['n-1', 'one'],
      ['n-2', 'two'],
      ['n-3', 'three'],
    ] as const) {
      const facts = { ...aNode().facts, name, address: `10.0.0.${id.slice(2)}` };
      tx.putIdentity({ node: id, name, labels: {}, issuedAtMs: 0, notAfterMs: 0 });
      tx.putNode(aNode({ id, facts, ingress: id === 'n-1', connectedAtMs: 1, reported: true }));
    }
    tx.putService(aService());
    tx.putRelease(aRelease());
    tx.putAllocation(anAllocation({ node: 'n-2', desired: 'routed' }));
  });
  return { store, states, commands, farewells };
}

t.test('labels are set and removed, but for those of cluster.toml', async (t) => {
  const { store, commands } = aCluster(t);
  t.same(commands.label('two', { set: { disk: 'ssd' }, remove: [] }, 'ops'), {
    disk: 'ssd',
    zone: 'config',
  });
  t.same(store.identity('n-2')?.labels, { disk: 'ssd' });
  t.same(commands.label('10.0.0.2', { set: {}, remove: ['disk', 'none'] }, 'ops'), { zone: 'config' });
  t.throws(() => commands.label('two', { set: { zone: 'x' }, remove: [] }, 'ops'), {
    code: 'CONFLICT',
    message: /cluster\.toml sets the label zone of two/,
  });
  t.throws(() => commands.label('tw', { set: {}, remove: [] }, 'ops'), { code: 'NOT_FOUND' });
  t.match(store.events(1), [{ kind: 'node.changed', node: 'n-2', message: /two.*labels.*ops/ }]);
});

t.test('the ingress role is given and taken away, but for the last', async (t) => {
  const { store, commands } = aCluster(t);
  t.throws(() => commands.role('one', false, 'ops'), { code: 'CONFLICT', message: /only node/ });
  commands.role('two', true, 'ops');
  t.match([store.node('n-2')?.ingress, store.identity('n-2')?.isIngress], [true, true]);
  commands.role('one', false, 'ops');
  t.match([store.node('n-1')?.ingress, store.identity('n-1')?.isIngress], [false, false]);
});

t.test('a drain goes on until nothing is left, and says so in the events', async (t) => {
  const { store, states, commands } = aCluster(t);
  commands.drain('two', 'ops');
  commands.drain('two', 'ops');
  stepDrains({ store, states }, 5);
  t.match(store.node('n-2')?.drain, { by: 'ops', service: 'shop/api', blocked: [], doneAtMs: null });
  store.write((tx) => tx.deleteAllocation('shop.api.1'));
  stepDrains({ store, states }, 7);
  stepDrains({ store, states }, 8);
  t.match(store.node('n-2')?.drain, { service: null, doneAtMs: 7 });
  t.same(
    store.events(9).map(({ message }) => message),
    [
      'node two: its drain was begun by ops',
      'node two: shop/api leaves',
      'node two: it is drained: nothing is left on it',
    ],
  );
  commands.undrain('two', 'ops');
  t.equal(store.node('n-2')?.drain, null);
});

t.test('a node is removed with its certificate, once nothing is lost by it', async (t) => {
  const { store, commands } = aCluster(t);
  t.throws(() => commands.removeNode('one', true, 'ops'), { message: /the master's own node/ });
  t.throws(() => commands.removeNode('two', false, 'ops'), { message: /1 allocations are on two/ });
  commands.role('three', true, 'ops');
  t.throws(() => commands.removeNode('three', false, 'ops'), { message: /three has the ingress role/ });
  t.ok(store.node('n-2') && store.identity('n-2') && store.node('n-3'));
  store.write((tx) => tx.putNode({ ...(tx.node('n-2') ?? aNode()), presence: 'lost' }));
  commands.removeNode('two', false, 'ops');
  commands.removeNode('three', true, 'ops');
  t.same([store.node('n-2'), store.identity('n-2'), store.node('n-3')], [undefined, undefined, undefined]);
  t.ok(store.dirty.services.has('shop/api'), 'what it ran is planned again');
});

t.test(
  'a node that is removed while it is connected is told to stop what it runs, unless that is to go on',
  async (t) => {
    const { store, commands, farewells } = aCluster(t);
    const revision = store.node('n-2')?.revision ?? 0;
    t.match(commands.removeNode('two', true, 'ops'), /is being stopped/);
    t.match(farewells.take('n-2'), {
      ...{ type: 'assignment', cluster: 'c0', revision: revision + 1 },
      ...{ allocations: [], images: [], keep: [], ingress: null },
    });
    t.equal(farewells.take('n-2'), null, 'once');
    t.equal(commands.removeNode('three', true, 'ops'), '', 'nothing ran there');
    for (const [change, keeps, says] of [
      [(one: Node) => ({ ...one }), true, /goes on, and is reached by nobody/],
      [(one: Node) => ({ ...one, connectedAtMs: null }), false, /not connected.*goes on until/],
    ] as const) {
      const { store, commands, farewells } = aCluster(t);
      store.write((tx) => tx.putNode(change(tx.node('n-2') ?? aNode())));
      t.match(commands.removeNode('two', true, 'ops', keeps), says);
      t.equal(farewells.take('n-2'), null);
    }
    const held = aCluster(t);
    held.store.write((tx) => putHold(tx, 'n-2', { state: 'held', revision: 9, why: 'x' }));
    held.commands.removeNode('two', true, 'ops');
    t.equal(held.farewells.take('n-2'), null, "one that is held was never this master's to stop");
  },
);

t.test('data on a lost node is given up only when that is said', async (t) => {
  const { store, commands } = aCluster(t);
  const spec = aSpec();
  const volumes = [{ name: 'data', path: '/data' }];
  store.write((tx) => {
    tx.putRelease(aRelease({ spec: { ...spec, container: { ...spec.container, volumes } } }));
    tx.putNode({ ...(tx.node('n-2') ?? aNode()), presence: 'lost' });
  });
  t.throws(() => commands.removeNode('two', false, 'ops'), { code: 'CONFLICT', hint: /data of its volumes/ });
  commands.removeNode('two', true, 'ops');
  t.equal(store.node('n-2'), undefined);
});

t.test('a rebalance marks what moves, once', async (t) => {
  const { store, commands } = aCluster(t);
  store.write((tx) => {
    for (const n of [2, 3, 4])
      tx.putAllocation(anAllocation({ id: `shop.api.${n}`, slot: n - 1, node: 'n-2', desired: 'routed' }));
  });
  const moves = commands.rebalance('shop/api', true, 'ops');
  t.same(
    moves.map(({ from, to }) => [from, to]),
    [
      ['two', 'one'],
      ['two', 'three'],
    ],
  );
  t.notOk(
    store.allocations('shop/api').some(({ isMoving }) => isMoving),
    'dry',
  );
  t.equal(commands.rebalance('shop/api', false, 'ops').length, 2);
  t.equal(store.allocations('shop/api').filter(({ isMoving }) => isMoving).length, 2);
  t.same(commands.rebalance('shop/api', false, 'ops'), []);
  t.throws(() => commands.rebalance('shop/none', false, 'ops'), { code: 'SERVICE_NOT_FOUND' });
});
