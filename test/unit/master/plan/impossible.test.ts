import t from 'tap';
import { refuseImpossible } from '../../../../master/plan/impossible.js';
import { aNode, aSpec } from './things.js';

const GIB = 1024 ** 3;
const spec = (resources: object = {}, placement: object = {}) =>
  aSpec({
    container: { resources: { memoryBytes: null, cpus: null, ...resources } },
    placement: { node: null, labels: {}, ...placement },
  });
const [one, two] = [aNode('n1'), aNode('n2')];

t.test('what no node could ever take is refused, with the reason of each', async (t) => {
  t.throws(() => refuseImpossible(spec({ cpus: 64 }), [one, two]), {
    code: 'NO_NODE_FITS',
    message: /^api: no node could ever take it: host-n1 has 2 CPUs, and it asks for 64; host-n2 has 2 CPUs/,
  });
  t.throws(() => refuseImpossible(spec({ memoryBytes: 5 * GIB }), [one]), {
    message: /host-n1 has 4096 MiB of memory, and it asks for 5120 MiB/,
  });
  t.throws(() => refuseImpossible(spec({}, { node: 'host-n9' }), [one, two]), {
    message: /host-n1 is not host-n9; host-n2 is not host-n9$/,
  });
  t.throws(() => refuseImpossible(spec({ cpus: 3 }, { node: 'n2' }), [one, two]), {
    message: /host-n1 is not n2; host-n2 has 2 CPUs, and it asks for 3/,
  });
});

t.test('what may yet come is waited for: room, a label, a node that is away, the first node', async (t) => {
  const away = aNode('n3', { connectedAtMs: null, presence: 'lost' });
  for (const [wanted, nodes] of [
    [spec({ cpus: 2, memoryBytes: 4 * GIB }), [aNode('n1', { cordoned: true })]],
    [spec({}, { labels: { zone: 'eu' } }), [one]],
    [spec({ cpus: 64 }), [one, { ...away, facts: { ...one.facts, cpus: 64 } }]],
    [spec({ cpus: 64 }), []],
  ] as const)
    t.doesNotThrow(() => refuseImpossible(wanted, nodes));
});
