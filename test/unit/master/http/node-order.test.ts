import t from 'tap';
import { aNode } from '../../../support/a-model.js';
import { anApi } from '../../../support/an-api.js';

t.test('nodes are shown by name, as people count', async (t) => {
  const { call, store } = await anApi(t);
  const named = (id: string, name: string) => ({ ...aNode({ id }), facts: { ...aNode().facts, name } });
  await store.write((tx) => {
    for (const [index, name] of ['node-10', 'node-2', 'db', 'node-1'].entries())
      tx.putNode(named(`n-${index}`, name));
  });
  for (const path of ['/cluster/info', '/status']) {
    const { nodes } = (await call('GET', path)).json as { nodes: { name: string }[] };
    t.same(
      nodes.map(({ name }) => name),
      ['db', 'node-1', 'node-2', 'node-10'],
      path,
    );
  }
});
