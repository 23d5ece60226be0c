/** Who is asked to replace itself, and who is refused with what to do instead. */
import t, { type Test } from 'tap';
import { createUpgrade } from '../../../../master/control/upgrade.js';
import { aNewNode } from '../../../../master/store/new-node.js';
import type { NodeFacts } from '../../../../shared/protocol.js';
import type { Upgrade } from '../../../../shared/upgrade.js';
import { aStore } from '../../../support/a-store.js';
import { aHello } from '../../../support/fake-agent.js';

const sha256 = 'ab'.repeat(32);

function aCluster(t: Test, facts: Partial<NodeFacts>) {
  const store = aStore(t);
  store.write((tx) => tx.putNode(aNewNode('n-1', { ...aHello().facts, name: 'h2', ...facts })));
  const sent: Upgrade[] = [];
  const upgrade = createUpgrade({
    store,
    isLocal: (id) => id === 'n-local',
    served: async () => ({ version: '2', sha256, bytes: 5 }),
    send: (_, message) => sent.push(message),
  });
  return { store, upgrade, sent };
}

t.test('an agent with another program is asked, by the name of its node', async (t) => {
  const { upgrade, sent, store } = aCluster(t, { program: 'agent-000000000000' });
  t.same(await upgrade('h2', 'admin'), {
    node: 'n-1',
    version: '2',
    program: 'agent-abababababab',
    isThere: false,
  });
  t.same(sent, [{ type: 'upgrade', version: '2', sha256, bytes: 5 }]);
  t.match(store.events(10).at(-1)?.message, /h2: its upgrade from 0\.0\.0 to 2 was asked for by admin/);
});

t.test('one that has it already is not', async (t) => {
  const { upgrade, sent } = aCluster(t, { program: 'agent-abababababab' });
  t.equal((await upgrade('n-1', 'admin')).isThere, true);
  t.same(sent, []);
});

t.test('an older agent never gets the message', async (t) => {
  const { upgrade, sent } = aCluster(t, {});
  await t.rejects(upgrade('h2', 'admin'), { code: 'CONFLICT', message: /can't replace itself/ });
  await t.rejects(upgrade('h9', 'admin'), { code: 'NOT_FOUND' });
  t.same(sent, []);
});
