import t, { type Test } from 'tap';
import { createDiscovery } from '../../../../master/control/discovery.js';
import { createStates } from '../../../../master/control/states.js';
import { aNode, anAllocation, anObserved, aRelease, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

function aControl(t: Test, range = '10.213.0.0/16') {
  const store = aStore(t);
  const states = createStates(store);
  const settings = { range };
  const make = () => createDiscovery({ store, states, cluster: 'c', range: () => settings.range });
  return { store, states, settings, make };
}

const other = { key: 'blog/web', project: 'blog', name: 'web' };

t.test('a service keeps its address: over a start of the master, and until it is removed', async (t) => {
  const { store, make } = aControl(t);
  store.write((tx) => tx.putService(aService()));
  make().ensure();
  const given = new Map(store.addresses());
  t.match([...given.keys()].sort(), ['dns', 'shop/api']);
  make().ensure();
  t.same(new Map(store.addresses()), given);
  store.write((tx) => tx.deleteService('shop/api'));
  t.same(
    store.addresses().map(([key]) => key),
    ['dns'],
  );
});

t.test('a node is told of the projects that it runs, and hears of them when that shows', async (t) => {
  const { store, make } = aControl(t);
  const discovery = make();
  store.write((tx) => {
    for (const id of ['n-1', 'n-2', 'n-3']) tx.putNode(aNode({ id }));
    tx.putService(aService());
    tx.putService(aService(other));
    tx.putRelease(aRelease());
    tx.putAllocation(anAllocation({ observed: anObserved({ state: 'starting' }) }));
    tx.putAllocation(anAllocation({ id: 'shop.api.2', node: 'n-2' }));
    tx.putAllocation(anAllocation({ id: 'blog.web.1', service: 'blog/web', node: 'n-2' }));
  });
  discovery.ensure();
  const namesFor = (node: string) => discovery.tableFor(node).table.services.map(({ service }) => service);
  t.same(namesFor('n-1'), ['shop/api']);
  t.same(namesFor('n-2'), ['blog/web', 'shop/api']);
  t.same(namesFor('n-3'), []);
  const before = discovery.tableFor('n-2').mark;
  t.same(discovery.concerned('shop/api'), [], 'nothing has changed');
  store.write((tx) => tx.putService({ ...aService(), updatedAtMs: 9_999 }));
  t.same(discovery.concerned('shop/api'), [], 'nothing that shows');
  store.write((tx) => tx.putAllocation(anAllocation({ desired: 'draining' })));
  t.same(discovery.concerned('shop/api'), ['n-1', 'n-2']);
  t.not(discovery.tableFor('n-2').mark, before);
});

t.test('another range gives other addresses, and says to whom', async (t) => {
  const { store, settings, make } = aControl(t);
  store.write((tx) => {
    tx.putNode(aNode());
    tx.putService(aService());
  });
  const discovery = make();
  discovery.ensure();
  settings.range = '10.9.0.0/24';
  t.same(discovery.ensure(), ['n-1']);
  t.ok(store.addresses().every(([, address]) => address.startsWith('10.9.0.')));
  t.same(discovery.ensure(), []);
});

t.test('what gets no address says so once, and the others are served', async (t) => {
  const { store, make } = aControl(t, '10.9.0.0/30');
  store.write((tx) => {
    tx.putService(aService());
    tx.putService(aService(other));
  });
  const discovery = make();
  discovery.ensure();
  discovery.ensure();
  t.equal(store.addresses().length, 2);
  t.same(
    store.events(10).map(({ kind }) => kind),
    ['service.no-address'],
  );
});
