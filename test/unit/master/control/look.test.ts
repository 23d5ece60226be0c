import t from 'tap';
import { createLook } from '../../../../master/control/look.js';
import { aNode, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

t.test('all is looked at in turns, from a second after the start, and again when it is time', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    for (let n = 0; n < 45; n += 1) tx.putService(aService({ key: `shop/s-${n}`, name: `s-${n}` }));
    for (let n = 0; n < 25; n += 1) tx.putNode(aNode({ id: `n-${n}` }));
  });
  const look = createLook(store, 10_000, 0);
  const taken = (nowMs: number): number[] => {
    const { services, nodes } = store.dirty;
    services.clear();
    nodes.clear();
    look.take(nowMs);
    return [services.size, nodes.size, look.dueMs()];
  };
  t.same(taken(999), [0, 0, 1_000], 'agents come back first');
  t.same(taken(1_000), [20, 20, 2_000]);
  t.same(taken(1_500), [0, 0, 2_000], 'what is new has its turn');
  t.same(taken(2_000), [20, 5, 3_000]);
  t.same(taken(3_000), [5, 0, 11_000]);
  t.same(taken(11_000), [20, 20, 12_000]);
});

t.test('what can not be done in its time goes on without a rest', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    for (let n = 0; n < 45; n += 1) tx.putNode(aNode({ id: `n-${n}` }));
  });
  const look = createLook(store, 2_000, 0);
  const seen = [1_000, 2_000, 3_000, 4_000].map((nowMs) => {
    store.dirty.nodes.clear();
    look.take(nowMs);
    return store.dirty.nodes.size;
  });
  t.same(seen, [20, 20, 5, 20]);
});
