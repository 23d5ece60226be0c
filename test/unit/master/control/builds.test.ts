import t from 'tap';
import { createCleanUp, startCleanUp } from '../../../../master/control/cleanup.js';
import { createCommands } from '../../../../master/control/commands.js';
import { createSecretValues } from '../../../../master/control/secret-values.js';
import { createStates } from '../../../../master/control/states.js';
import { buildIdOf } from '../../../../shared/build.js';
import { aNode, aRelease, aService, aSpec } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { waitFor } from '../../../support/wait-for.js';

const actor = { by: 'ann', source: 'cli' as const };
const spec = aSpec({ image: undefined, build: { repo: 'https://h/r' } });
const key = 'shop/api';

function aControl(t: Parameters<typeof aStore>[0]) {
  const store = aStore(t);
  store.write((tx) => tx.putNode(aNode()));
  const states = createStates(store);
  const values = createSecretValues(store, (sealed) => sealed);
  return { store, states, commands: createCommands(store, states, values) };
}

t.test('a newer deploy or push ends the build that is under way', async (t) => {
  const { store, commands } = aControl(t);
  const [first] = commands.deploy([spec], actor);
  const second = commands.rebuild(
    key,
    { by: 'bob', source: 'webhook' },
    { sha: 'abc', ref: 'refs/heads/main' },
  );
  t.match(store.build(buildIdOf(first?.id ?? '')), {
    state: 'cancelled',
    reason: /^superseded: a redeploy by bob/,
  });
  t.match(store.build(buildIdOf(second ?? '')), { state: 'queued', commit: 'abc', by: 'bob' });
  const [third] = commands.deploy([spec], actor);
  t.match(store.build(buildIdOf(second ?? '')), {
    state: 'cancelled',
    reason: /^superseded: a newer deploy by ann/,
  });
  t.match(store.build(buildIdOf(third?.id ?? '')), { state: 'queued', commit: null });
});

t.test('a build is given up once, by its name; one that is over is refused', async (t) => {
  const { store, commands } = aControl(t);
  const [begun] = commands.deploy([spec], actor);
  const id = begun?.id ?? '';
  commands.cancelBuild(key, buildIdOf(id), { by: 'bob', source: 'api' });
  t.match(store.rollout(id), { cancelled: { by: 'bob' }, acts: [{ verb: 'cancel', by: 'bob' }] });
  t.throws(() => commands.cancelBuild(key, 'b-other', actor), {
    code: 'CONFLICT',
    message: /b-other is over/,
  });
});

t.test('new values of secrets are rolled out with the commit that runs', async (t) => {
  const { store, commands } = aControl(t);
  const built = { build: 'b-0', commit: 'abc', node: 'n-1' };
  store.write((tx) => {
    tx.putService(aService({ spec }));
    tx.putRelease(aRelease({ number: 1, spec, built }));
  });
  const id = commands.renew(key, actor) ?? '';
  t.match(store.rollout(id)?.commit, { sha: 'abc', ref: 'refs/heads/main' });
});

t.test('a cleanup keeps what a release is made from, and tells of nodes that do not answer', async (t) => {
  const { store, states } = aControl(t);
  const facts = { ...aNode().facts, builds: true };
  store.write((tx) => {
    tx.putService(aService());
    tx.putRelease(aRelease({ number: 1, image: { ref: 'x', id: 'sha256:kept', digest: null } }));
    tx.putNode(aNode({ facts }));
    tx.putNode(aNode({ id: 'n-2', facts }));
    tx.putNode(aNode({ id: 'n-3' }));
  });
  const asked: unknown[] = [];
  const cleanUp = createCleanUp({
    ...{ store, states },
    ask: async (node, request) => {
      asked.push({ node, ...request });
      if (node === 'n-2') throw new Error('it is gone');
      const images = [{ tag: 'orca-build/a/b:1', sizeBytes: 5 }];
      return { type: 'cleaned', id: '1', images, diskUsedPercent: 90, problem: null };
    },
  });
  const { nodes } = await cleanUp(false);
  t.match(nodes, [
    { images: [{ tag: 'orca-build/a/b:1', size_bytes: 5 }], problem: null },
    { problem: 'it is gone' },
  ]);
  t.match(asked, [{ isDry: false, keep: ['sha256:kept'] }, { node: 'n-2' }]);
  t.equal(asked.length, 2, 'who builds nothing is not asked');
  t.match(store.events(1), [{ kind: 'node.cleaned', message: /removed an image that was built there/ }]);
});

t.test(
  'a node whose disk is 85 % full is cleaned up by itself, and keeps what a release needs',
  async (t) => {
    const { store, states } = aControl(t);
    const facts = { ...aNode().facts, builds: true };
    store.write((tx) => {
      tx.putService(aService());
      tx.putRelease(aRelease({ number: 1, image: { ref: 'x', id: 'sha256:kept', digest: null } }));
      for (const id of ['n-84', 'n-85', 'n-unknown']) tx.putNode(aNode({ id, facts }));
    });
    const asked: { node: string; isDry: boolean; keep: string[] }[] = [];
    const loop = startCleanUp(
      {
        ...{ store, states },
        ask: async (node, { isDry, keep }) => {
          asked.push({ node, isDry, keep });
          const diskUsedPercent = node === 'n-unknown' ? null : Number(node.slice(2));
          const images = [{ tag: 'orca-build/a/b:1', sizeBytes: 5 }];
          return { type: 'cleaned', id: '1', images, diskUsedPercent, problem: null };
        },
      },
      { error: () => t.fail('it went wrong') } as never,
    );
    t.teardown(() => loop.stop());
    await waitFor('all nodes to be looked at', () => asked.length === 4);
    t.same(
      asked.filter(({ isDry }) => !isDry),
      [{ node: 'n-85', isDry: false, keep: ['sha256:kept'] }],
    );
  },
);
