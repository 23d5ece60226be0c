import t from 'tap';
import { createCommands } from '../../../../master/control/commands.js';
import { createSecretValues } from '../../../../master/control/secret-values.js';
import { createStates } from '../../../../master/control/states.js';
import { aNode, aRelease, aService, aSpec } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { services, twoProjects } from '../../../support/two-projects.js';

const pinned = `app@sha256:${'a'.repeat(64)}`;
const running = aSpec({ image: pinned, env: { PLAIN: 'right' }, command: ['serve', '--key=hidden'] });

t.test('to who may only read a plan does not say whether a guess at a value is right', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    tx.putNode(aNode());
    tx.putService(aService({ spec: running, planned: { ...aService().planned, stable: 1 } }));
    tx.putRelease(aRelease({ number: 1, spec: running }));
  });
  const commands = createCommands(
    store,
    createStates(store),
    createSecretValues(store, (sealed) => sealed),
  );
  const plan = (PLAIN: string, isBlind: boolean, more: object = {}) => {
    const spec = aSpec({ image: pinned, env: { PLAIN, ...more }, command: ['serve', '--key=hidden'] });
    return commands.plan([spec], isBlind)[0];
  };
  t.same(plan('wrong', true), plan('right', true));
  t.match(plan('right', true), { action: 'none', changes: [] });
  t.match(plan('wrong', false), { action: 'roll', changes: ['env.PLAIN: changed'] });
  t.match(plan('wrong', true, { MORE: '1' }), { action: 'roll', changes: ['env.MORE: added'] });
  const [other] = commands.plan([aSpec({ image: pinned, env: {}, command: ['x'] })], true);
  t.match(other?.changes, ['command: changed', 'env.PLAIN: removed']);
  t.notMatch(JSON.stringify(other), /hidden|right/);
});

t.test('viewers get such a plan, and who may deploy the whole one', async (t) => {
  const { call, eyes, shop, asked } = await twoProjects(t);
  for (const token of [eyes, shop]) await call('POST', '/plan', { services: services('shop') }, token);
  t.match(asked, [
    { name: 'plan', args: [[{}], true] },
    { name: 'plan', args: [[{}], false] },
  ]);
});
