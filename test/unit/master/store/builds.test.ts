import t from 'tap';
import { recordBuilds } from '../../../../master/dispatch/build-reports.js';
import { KEPT_ROLLOUTS } from '../../../../master/store/transaction.js';
import type { BuildObserved } from '../../../../shared/build.js';
import { aNode, aRollout, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const build = {
  repo: 'git@h:r',
  branch: 'main',
  dockerfile: 'D',
  context: '.',
  deployKey: null,
  paths: [],
  args: {},
};
const { spec } = aService();
const rolloutOf = (id: string, change = {}) =>
  aRollout({ id, state: 'preparing', endedAtMs: null, node: null, spec: { ...spec, build }, ...change });
const observed = (change: Partial<BuildObserved> = {}): BuildObserved => ({
  ...{ state: 'building', reason: 'step 1', commit: 'c1', author: 'Alice', subject: 'Mend', tag: 't' },
  ...{ startedAtMs: 5, endedAtMs: null, sizeBytes: null, lastLogs: [] },
  ...change,
});
const image = (id: string, of: BuildObserved) => ({
  ...{ id, state: 'pulling' as const, percent: null, imageId: null, digest: null, reason: null, build: of },
});

t.test('a build begins with its rollout, and is over when that is', async (t) => {
  const store = aStore(t);
  store.write((tx) => tx.putRollout(rolloutOf('r-1', { reason: 'no node can take it' })));
  t.match(store.build('b-1'), {
    state: 'queued',
    node: null,
    reason: 'no node can take it',
    ref: 'refs/heads/main',
  });
  store.write((tx) => tx.putRollout(rolloutOf('r-1', { node: 'n1' })));
  t.match(store.build('b-1'), { state: 'queued', node: 'n1' });
  store.write((tx) =>
    tx.putRollout(rolloutOf('r-1', { node: 'n1', state: 'superseded', reason: 'newer', endedAtMs: 9 })),
  );
  t.match(store.build('b-1'), { state: 'cancelled', reason: 'newer', endedAtMs: 9 });
  store.write((tx) => tx.putRollout(rolloutOf('r-2', { kind: 'rollback' })));
  t.equal(store.build('b-2'), undefined, 'a rollback builds nothing');
});

t.test('what its node says is kept; what another says is not, nor anything after the end', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    tx.putNode(aNode());
    tx.putRollout(rolloutOf('r-1', { node: 'n-1' }));
    recordBuilds(tx, 'n-2', [image('r-1', observed({ reason: 'not mine' }))], 1);
  });
  t.match(store.build('b-1'), { state: 'queued' });
  store.write((tx) => recordBuilds(tx, 'n-1', [image('r-1', observed())], 1));
  t.match(store.build('b-1'), { state: 'building', reason: 'step 1', author: 'Alice' });
  store.write((tx) => recordBuilds(tx, 'n-1', [image('r-1', observed({ state: 'done', endedAtMs: 8 }))], 2));
  store.write((tx) => recordBuilds(tx, 'n-1', [image('r-1', observed())], 3));
  t.match(store.build('b-1'), { state: 'done', endedAtMs: 8 });
  t.equal(store.events(10).filter(({ kind }) => kind === 'build.done').length, 1);
});

t.test('a build that is moved begins anew and says from where', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    tx.putNode(aNode());
    tx.putRollout(rolloutOf('r-1', { node: 'n-1' }));
    recordBuilds(tx, 'n-1', [image('r-1', observed())], 1);
    tx.putRollout(rolloutOf('r-1', { node: 'n-2' }));
  });
  t.match(store.build('b-1'), {
    state: 'queued',
    node: 'n-2',
    startedAtMs: null,
    reason: /^moved here from .*lost/,
  });
});

t.test('who wrote a commit that was built before is known; builds go with their rollouts', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    tx.putService(aService());
    tx.putRollout(rolloutOf('r-1', { node: 'n-1' }));
    recordBuilds(tx, 'n-1', [image('r-1', observed({ state: 'done' }))], 1);
    tx.putRollout(rolloutOf('r-2', { node: 'n-1' }));
    recordBuilds(tx, 'n-1', [image('r-2', observed({ author: null, subject: null, state: 'done' }))], 1);
  });
  t.match(store.build('b-2'), { author: 'Alice', subject: 'Mend' });
  const service = store.build('b-2')?.service ?? '';
  store.write((tx) => {
    tx.putRollout(rolloutOf('r-1', { node: 'n-1', state: 'failed', endedAtMs: 9 }));
    tx.putRollout(rolloutOf('r-2', { node: 'n-1', state: 'failed', endedAtMs: 9 }));
    for (let at = 0; at < KEPT_ROLLOUTS + 5; at += 1)
      tx.putRollout(rolloutOf(`r-${String(at + 100)}`, { state: 'failed', endedAtMs: at }));
  });
  t.ok(
    store.builds(service, 1_000).length <= KEPT_ROLLOUTS + 1,
    `${store.builds(service, 1_000).length} are kept`,
  );
  t.equal(store.build('b-1'), undefined);
  store.write((tx) => tx.deleteService(service));
  t.same(store.builds(service, 10), []);
});
