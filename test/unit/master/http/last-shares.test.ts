import t from 'tap';
import { createLastShares } from '../../../../master/http/last-shares.js';
import { aNode } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const says = (id: string, ...weights: number[]) => {
  const node = aNode({ id });
  const shares = weights.map((canaryWeight) => ({ service: 'shop/api', canaryWeight }));
  return { ...node, ingressObserved: node.ingressObserved && { ...node.ingressObserved, weights: shares } };
};

t.test('while an ingress says none, the share that it said last is in force', async (t) => {
  const store = aStore(t);
  const put = (node: ReturnType<typeof says>) => store.write((tx) => tx.putNode(node));
  put(says('n-1', 20));
  const last = createLastShares(store);
  t.equal(last().get('shop/api'), 20, 'as the store has it');
  put(says('n-1'));
  t.equal(last().get('shop/api'), 20);
  put(says('n-2', 50));
  t.equal(last().get('shop/api'), 20, 'of different ones the least');
  put(says('n-1', 50));
  t.equal(last().get('shop/api'), 50);
  put(says('n-1', 0));
  t.equal(last().get('shop/api'), 0);
  t.equal(last().get('shop/other'), undefined);
});
