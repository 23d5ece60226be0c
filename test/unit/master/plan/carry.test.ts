import t from 'tap';
import { carryParts, isCarried, needsOn } from '../../../../master/plan/carry.js';
import type { CarryObserved } from '../../../../shared/carry.js';
import { aNode, anAllocation, aRelease, aService, aSpec } from './things.js';

const image = { ref: 'app:1', id: 'sha256:1', digest: null };
const need = { imageId: image.id, ref: image.ref };

function aNodeThat(id: string, said: Partial<CarryObserved>, more: { connectedAtMs?: number | null } = {}) {
  const carry = { holds: [], lacks: [], port: 6_881, problem: null, ...said };
  return { ...aNode(id), ...more, carry };
}

const everybody = () => [need];

t.test('what no registry has is carried, and what none is to be asked for', async (t) => {
  const release = (digest: string | null, pull: 'never' | 'if-not-present') => ({
    image: { ...image, digest },
    spec: aSpec({ container: { pull } }),
  });
  t.equal(isCarried(release(null, 'if-not-present')), true);
  t.equal(isCarried(release('app@sha256:d', 'never')), true);
  t.equal(isCarried(release('app@sha256:d', 'if-not-present')), false);
});

t.test(
  'a node that lacks an image fetches it from those that have it, which may serve it to that node alone',
  async (t) => {
    const nodes = [
      aNodeThat('a', { holds: [image.id] }),
      aNodeThat('b', { lacks: [image.id] }),
      aNodeThat('c', {}),
      { ...aNode('d') },
    ];
    const parts = carryParts(nodes, everybody);
    t.match(parts.get('b')?.fetch, [{ ...need, sources: [{ node: 'a', port: 6_881 }], reason: null }]);
    t.same(parts.get('a')?.serve, [{ ...need, readers: ['b'] }]);
    t.same([...parts.keys()].sort(), ['a', 'b']);
  },
);

t.test('nobody reads what none of its allocations is made of, whatever it says', async (t) => {
  const nodes = [aNodeThat('a', { holds: [image.id] }), aNodeThat('b', { lacks: [image.id] })];
  t.same([...carryParts(nodes, () => []).keys()], []);
  const state = {
    ...{ service: aService(), releases: [{ ...aRelease(1), image }], rollout: null },
    allocations: [anAllocation(1, { node: 'b' }), anAllocation(2, { node: 'c', desired: 'stopped' })],
  };
  t.same(needsOn('b', [state]), [need]);
  t.same(needsOn('c', [state]), [], 'what is told to stop needs none');
});

t.test('many at once begin at different ones; those that are away come last', async (t) => {
  const holds = { holds: [image.id] };
  const nodes = [
    aNodeThat('a', holds, { connectedAtMs: null }),
    aNodeThat('b', holds),
    aNodeThat('c', holds),
    aNodeThat('d', { lacks: [image.id] }),
    aNodeThat('e', { lacks: [image.id] }),
  ];
  const parts = carryParts(nodes, everybody);
  const order = (node: string) => parts.get(node)?.fetch[0]?.sources.map((source) => source.node);
  t.same(
    [order('d'), order('e')].map((names) => names?.slice(-1)),
    [['a'], ['a']],
  );
  t.not(order('d')?.[0], order('e')?.[0]);
  t.same(parts.get('b')?.serve[0]?.readers, ['d', 'e']);
});

t.test('the order of the nodes does not matter', async (t) => {
  const nodes = [
    aNodeThat('a', { holds: [image.id] }),
    aNodeThat('b', { holds: [image.id] }),
    aNodeThat('c', { lacks: [image.id] }),
  ];
  t.same(carryParts([...nodes].reverse(), everybody), carryParts(nodes, everybody));
});

t.test('a reason stands where nobody can be asked yet', async (t) => {
  const reasonWith = (...others: ReturnType<typeof aNodeThat>[]) =>
    carryParts([aNodeThat('z', { lacks: [image.id] }), ...others], everybody).get('z')?.fetch[0];
  t.match(reasonWith(), {
    sources: [],
    reason: /no node that the master knows of has it: load it on one of them/,
  });
  const has = { holds: [image.id], port: null };
  t.match(reasonWith(aNodeThat('a', has)), { sources: [], reason: 'a has it and gets ready to serve it' });
  t.match(reasonWith(aNodeThat('a', { ...has, problem: 'no disk' })), {
    reason: /gets ready to serve it: no disk/,
  });
  t.match(reasonWith(aNodeThat('a', has, { connectedAtMs: null })), {
    reason: 'a has it and is not connected',
  });
  const unheard = reasonWith(aNodeThat('a', { ...has, port: 0 }));
  t.match(unheard, { sources: [{ node: 'a', port: null }], reason: null }, 'through the master');
});

t.test('with a registry one that has it pushes it there, and everybody pulls it from there', async (t) => {
  const nodes = (pushed?: CarryObserved['pushed']) => [
    aNodeThat('a', { holds: [image.id], ...(pushed ? { pushed } : {}) }),
    aNodeThat('b', { holds: [image.id] }),
    aNodeThat('c', { lacks: [image.id] }),
    aNodeThat('d', { lacks: [image.id] }),
  ];
  const registry = { prefix: 'r.test/orca', pushed: {} };
  const parts = carryParts(nodes(), everybody, registry);
  t.same(parts.get('a')?.push, [{ ...need, to: 'r.test/orca/app:1' }], 'once, and by one');
  t.equal(parts.has('b'), false);
  t.match(parts.get('c')?.fetch, [{ sources: [], reason: 'host-a pushes it to r.test/orca' }]);
  const failed = nodes([{ imageId: image.id, at: null, reason: 'unauthorized' }]);
  t.match(carryParts(failed, everybody, registry).get('d')?.fetch, [{ reason: 'unauthorized' }]);
  const at = 'r.test/orca/app@sha256:d';
  const there = carryParts(nodes(), everybody, { ...registry, pushed: { [image.id]: at } });
  t.same(there.get('c')?.fetch, [{ ...need, sources: [], reason: null, from: at }]);
  t.equal(there.has('a'), false, 'nobody has to have it any more');
  const elsewhere = { prefix: 'other.test/orca', pushed: { [image.id]: at } };
  t.match(carryParts(nodes(), everybody, elsewhere).get('a')?.push, [{ to: 'other.test/orca/app:1' }]);
});
