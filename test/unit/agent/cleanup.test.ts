import { statfsSync } from 'node:fs';
import t from 'tap';
import { cleanUp } from '../../../agent/cleanup.js';
import { type BuiltImage, EngineError } from '../../../agent/engine.js';
import { emptyFacts } from '../../../agent/facts.js';
import { fakeEngine } from '../../support/fake-engine.js';

const anImage = (id: string, ...tags: string[]): BuiltImage => ({
  id,
  tags,
  sizeBytes: 7,
  createdAtMs: 0,
  labels: {},
});

function anEngine() {
  const removed: string[] = [];
  const all = [
    anImage('a', 'orca-build/p/a:1'),
    anImage('b', 'orca-build/p/b:1', 'mine:1'),
    anImage('c', 'mine:2'),
  ];
  const engine = {
    ...fakeEngine(),
    builtImages: async () => all,
    removeBuilt: async (tag: string) => void removed.push(tag),
  };
  return { engine, removed };
}

t.test('only what is not kept goes, and of that only the names that are ours', async (t) => {
  const { engine, removed } = anEngine();
  const at = { engine, cluster: 'c', facts: emptyFacts() };
  const ask = { type: 'cleanup' as const, id: '1', keep: ['a'] };
  const images = [{ tag: 'orca-build/p/b:1', sizeBytes: 7 }];
  t.match(await cleanUp({ ...ask, isDry: true }, at), { type: 'cleaned', id: '1', images, problem: null });
  t.same(removed, []);
  t.match(await cleanUp({ ...ask, isDry: false }, at), { images });
  t.same(removed, ['orca-build/p/b:1']);
});

t.test('how full it is, is said of the disk where Docker has its images', async (t) => {
  const ask = { type: 'cleanup' as const, id: '1', keep: [], isDry: true };
  const used = async (...places: string[]) => {
    const engine = { ...fakeEngine(), imagePlaces: async () => places };
    return (await cleanUp(ask, { engine, cluster: 'c', facts: emptyFacts() })).diskUsedPercent;
  };
  const { blocks, bavail } = statfsSync('/');
  t.equal(await used('/', '/proc', '/not-there'), Math.round((1 - bavail / blocks) * 100));
  t.equal(await used('/proc'), null);
});

t.test('what was just built is needed, though nobody says so yet; a refusal is told', async (t) => {
  const { engine, removed } = anEngine();
  const facts = emptyFacts();
  facts.resolved.set('r-1', { id: 'b', digest: null });
  const ask = { type: 'cleanup' as const, id: '1', keep: ['a'], isDry: false };
  t.match(await cleanUp(ask, { engine, cluster: 'c', facts }), { images: [] });
  t.match(
    await cleanUp(ask, { engine, cluster: null, facts }),
    { images: [], problem: null },
    'of no cluster yet',
  );
  const refuses = { ...engine, removeBuilt: async () => Promise.reject(new Error('Docker is busy')) };
  const at = { engine: refuses, cluster: 'c', facts: emptyFacts() };
  t.match(await cleanUp(ask, at), { images: [], problem: 'Docker is busy' });
  t.same(removed, []);
});

t.test(
  'volumes of previews that are no more go, but not those in use, and nothing where previews are not spoken of',
  async (t) => {
    const volumes = ['p_a-pr-1_data', 'p_a-pr-2_data', 'p_a-pr-3_data'];
    const gone: string[] = [];
    const engine = {
      ...fakeEngine(),
      previewVolumes: async () => volumes.map((name, at) => ({ name, preview: `p/a-pr-${at + 1}` })),
      removeVolume: async (name: string) => {
        if (name === volumes[2]) throw new EngineError('conflict', 'volume is in use');
        gone.push(name);
      },
    };
    const at = { engine, cluster: 'c', facts: emptyFacts() };
    const ask = { type: 'cleanup' as const, id: '1', keep: [], isDry: true };
    t.equal((await cleanUp(ask, at)).volumes, undefined);
    t.same(gone, []);
    t.match(await cleanUp({ ...ask, previews: ['p/a-pr-1'] }, at), { volumes: [volumes[1]], problem: null });
    t.same(gone, [volumes[1]]);
  },
);
