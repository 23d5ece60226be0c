import t, { type Test } from 'tap';
import { createCarrying } from '../../../../master/control/carry.js';
import { createStates } from '../../../../master/control/states.js';
import type { CarryObserved } from '../../../../shared/carry.js';
import { aNode, anAllocation, aRelease, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const id = 'sha256:1';

function aControl(t: Test, prefix: string | null = null) {
  const store = aStore(t);
  const states = createStates(store);
  const settings = { prefix };
  const say = (node: string, said: Partial<CarryObserved>) =>
    store.write((tx) => {
      const carry = { holds: [], lacks: [], port: 6_881, problem: null, ...said };
      tx.putNode({ ...(tx.node(node) ?? aNode({ id: node })), connectedAtMs: 1, carry });
    });
  store.write((tx) => {
    for (const node of ['n-1', 'n-2', 'n-3']) tx.putNode(aNode({ id: node }));
    tx.putService(aService());
    tx.putRelease(aRelease({ image: { ref: 'app:1', id, digest: null } }));
    tx.putAllocation(anAllocation({ node: 'n-2' }));
  });
  return { store, settings, say, make: () => createCarrying(store, states, () => settings.prefix) };
}

t.test('who lacks an image and who has it hear of it, and nobody else', async (t) => {
  const { store, say, make } = aControl(t);
  const carrying = make();
  t.same(carrying.ensure(), []);
  say('n-1', { holds: [id] });
  t.same(carrying.ensure(), [], 'nobody lacks it');
  say('n-2', { lacks: [id] });
  t.same(carrying.ensure().sort(), ['n-1', 'n-2']);
  t.match(carrying.partOf('n-2').fetch, [{ imageId: id, sources: [{ node: 'n-1' }] }]);
  t.same(
    [carrying.mayRead('n-2', 'n-1'), carrying.mayRead('n-3', 'n-1'), carrying.mayRead('n-1', 'n-2')],
    [true, false, false],
  );
  t.same(carrying.ensure(), [], 'nothing has changed');
  say('n-3', { lacks: [id] });
  t.same(carrying.ensure(), [], 'nothing of it runs there, whatever it says');
  say('n-2', { holds: [id] });
  t.same(carrying.ensure().sort(), ['n-1', 'n-2']);
  t.equal(carrying.mayRead('n-2', 'n-1'), false, 'once it is there the right is gone');
  say('n-2', { lacks: [id] });
  carrying.ensure();
  store.write((tx) => tx.putAllocation(anAllocation({ node: 'n-2', desired: 'stopped' })));
  carrying.ensure();
  t.equal(carrying.mayRead('n-2', 'n-1'), false, 'nor is what is told to stop in need of it');
});

t.test('a master that was started again goes on with what nodes have said', async (t) => {
  const { say, make } = aControl(t);
  say('n-1', { holds: [id] });
  say('n-2', { lacks: [id] });
  const again = make();
  again.ensure();
  t.equal(again.mayRead('n-2', 'n-1'), true);
});

t.test(
  'what the registry has is remembered, also when no node has it any more, as long as a release needs it',
  async (t) => {
    const { store, settings, say, make } = aControl(t, 'r.test/orca');
    const carrying = make();
    say('n-1', { holds: [id] });
    say('n-2', { lacks: [id] });
    carrying.ensure();
    t.match(carrying.partOf('n-1').push, [{ imageId: id, to: 'r.test/orca/app:1' }]);
    t.equal(carrying.mayRead('n-2', 'n-1'), false, 'nothing goes from node to node');
    const at = 'r.test/orca/app@sha256:d';
    say('n-1', { holds: [id], pushed: [{ imageId: id, at, reason: null }] });
    carrying.ensure();
    t.match(carrying.partOf('n-2').fetch, [{ from: at }]);
    store.write((tx) => tx.deleteNode('n-1'));
    const again = make();
    again.ensure();
    t.match(again.partOf('n-2').fetch, [{ from: at }]);
    settings.prefix = null;
    const without = make();
    without.ensure();
    t.match(without.partOf('n-2').fetch, [
      { sources: [], reason: /no node that the master knows of has it/ },
    ]);
  },
);

t.test('of where an image was pushed, who was ordered to push it is believed, and nobody else', async (t) => {
  const { store, say, make } = aControl(t, 'r.test/orca');
  store.write((tx) => tx.putRelease(aRelease({ image: { ref: 'app:1', id, digest: null, node: 'n-3' } })));
  const carrying = make();
  const saying = (at: string) => ({ holds: [id], pushed: [{ imageId: id, at, reason: null }] });
  say('n-1', saying('r.test/orca/app@sha256:evil'));
  say('n-2', { lacks: [id] });
  say('n-3', { holds: [id] });
  carrying.ensure();
  t.match(carrying.partOf('n-3').push, [{ imageId: id }], 'where it comes from it is pushed');
  t.same(carrying.partOf('n-1'), { fetch: [], serve: [] });
  t.match(carrying.partOf('n-2').fetch, [{ sources: [], reason: /pushes it to r\.test/ }]);
  say('n-3', saying('r.test/orca/other@sha256:d'));
  carrying.ensure();
  t.match(carrying.partOf('n-2').fetch, [{ sources: [] }], 'nor is any other place');
  say('n-3', saying('r.test/orca/app@sha256:d'));
  carrying.ensure();
  t.match(carrying.partOf('n-2').fetch, [{ from: 'r.test/orca/app@sha256:d' }]);
  say('n-1', saying('r.test/orca/app@sha256:later'));
  carrying.ensure();
  t.match(carrying.partOf('n-2').fetch, [{ from: 'r.test/orca/app@sha256:d' }]);
});
