import fc from 'fast-check';
import t from 'tap';
import { candidates } from '../../../discovery/choose.js';
import type { Backend } from '../../../discovery/served.js';

const endpoint = { address: '10.0.0.2', port: 1 };
const backend = (id: string, group: Backend['group'] = 'stable'): Backend => ({ id, group, endpoint });
const none = { open: new Map<string, number>(), failed: new Set<string>(), random: () => 0.5 };
const ids = (backends: Backend[]): string[] => backends.map(({ id }) => id);

t.test('the one with the fewest connections comes first', async (t) => {
  const open = new Map([
    ['a', 2],
    ['b', 1],
  ]);
  const chosen = candidates(
    { backends: [backend('a'), backend('b'), backend('c')], canaryWeight: 0 },
    { ...none, open },
  );
  t.same(ids(chosen), ['c', 'b', 'a']);
});

t.test('who could not be reached comes last, and is still tried', async (t) => {
  const chosen = candidates(
    { backends: [backend('a'), backend('b')], canaryWeight: 0 },
    { ...none, failed: new Set(['a']) },
  );
  t.same(ids(chosen), ['b', 'a']);
});

t.test('the canary gets its share, nothing at 0, and all when it is alone', async (t) => {
  const backends = [backend('s'), backend('c', 'canary')];
  const first = (canaryWeight: number, at: number) =>
    candidates({ backends, canaryWeight }, { ...none, random: () => at })[0]?.id;
  t.equal(first(20, 0.1), 'c');
  t.equal(first(20, 0.2), 's');
  t.same(ids(candidates({ backends, canaryWeight: 0 }, none)), ['s']);
  t.same(ids(candidates({ backends: [backend('c', 'canary')], canaryWeight: 20 }, none)), ['c']);
  t.same(ids(candidates({ backends: [backend('c', 'canary')], canaryWeight: 0 }, none)), []);
});

t.test('each is offered once, and at a weight above 0 nobody is left out', async () => {
  const group = fc.constantFrom<Backend['group']>('stable', 'canary');
  const some = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 20 }), group), { selector: ([id]) => id });
  fc.assert(
    fc.property(
      some,
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (list, canaryWeight, at) => {
        const backends = list.map(([id, of]) => backend(String(id), of));
        const chosen = ids(candidates({ backends, canaryWeight }, { ...none, random: () => at }));
        return new Set(chosen).size === chosen.length && chosen.length === backends.length;
      },
    ),
  );
});
