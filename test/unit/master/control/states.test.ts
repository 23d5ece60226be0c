import t from 'tap';
import { createStates } from '../../../../master/control/states.js';
import {
  aNode,
  anAllocation,
  anObserved,
  aRelease,
  aRollout,
  aService,
  aSpec,
} from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const db = { key: 'shop/db', name: 'db' };

t.test('a service is read again only when it changed', async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  t.equal(states.get('shop/api'), null);
  store.write((tx) => tx.putService(aService()));
  const first = states.get('shop/api');
  t.equal(states.get('shop/api'), first);
  store.write((tx) => tx.putRollout(aRollout()));
  t.match(states.get('shop/api'), { rollout: { id: 'r-1' } });
  store.write((tx) => tx.deleteService('shop/api'));
  t.equal(states.get('shop/api'), null);
  t.same(states.all(), []);
});

t.test("a node's room is what others have taken of it, not the service's own", async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  const spec = aSpec({ resources: { memory: '64Mi', cpu: 0.5 }, extra_ports: ['2222:22'] });
  store.write((tx) => {
    tx.putNode(aNode());
    tx.putService(aService());
    tx.putRelease(aRelease({ spec }));
    tx.putAllocation(anAllocation());
    tx.putAllocation(anAllocation({ id: 'shop.api.2' }));
    tx.putService(aService(db));
    tx.putRelease(aRelease({ service: 'shop/db', spec }));
    tx.putAllocation(anAllocation({ id: 'shop.db.1', service: 'shop/db' }));
  });
  t.match(states.snapshot('shop/db')?.nodes, [
    { allocations: 2, hostPorts: [2222, 2222], memoryBytes: 2 * 64 * 2 ** 20, cpus: 1 },
  ]);
  t.match(states.snapshot('shop/api')?.nodes, [{ allocations: 1, hostPorts: [2222] }]);
  t.match(states.nodeViews(null), [{ allocations: 3 }]);
  store.write((tx) => tx.deleteAllocation('shop.db.1'));
  t.match(states.snapshot('shop/api')?.nodes, [{ allocations: 0, hostPorts: [] }]);
});

t.test('siblings are told as far as they are depended on, with how many are ready', async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  store.write((tx) => {
    tx.putService(aService({}, { depends_on: ['db'] }));
    tx.putService(aService(db));
    tx.putService(aService({ key: 'other/db', project: 'other', name: 'db' }));
    tx.putAllocation(anAllocation({ id: 'shop.db.1', service: 'shop/db' }));
    tx.putAllocation(
      anAllocation({ id: 'shop.db.2', service: 'shop/db', observed: anObserved({ state: 'starting' }) }),
    );
  });
  t.same(states.snapshot('shop/api')?.siblings, [{ name: 'db', ready: 1 }]);
  t.same(states.snapshot('shop/db')?.siblings, []);
  t.same(states.dependents('shop/db'), ['shop/api']);
  t.same(states.dependents('other/db'), []);
});

t.test('a request is judged by the ended rollouts too', async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  store.write((tx) => {
    tx.putService(aService());
    tx.putRollout(aRollout({ id: 'r-1', state: 'succeeded', endedAtMs: 1 }));
    tx.putRollout(aRollout({ id: 'r-2' }));
  });
  t.match(states.current('shop/api'), { rollout: { id: 'r-2' }, history: [{ id: 'r-1' }] });
  t.equal(states.current('shop/nope'), null);
});
