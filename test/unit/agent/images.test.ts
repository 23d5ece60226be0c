import t from 'tap';
import { EngineError } from '../../../agent/engine.js';
import { repositoryOf, resolveImage } from '../../../agent/images.js';
import { advancePull, noProgress } from '../../../agent/pull-progress.js';
import { authFor } from '../../../agent/registry-auth.js';
import { withAdvice } from '../../../agent/words.js';
import { fakeEngine } from '../../support/fake-engine.js';

const local = { id: 'sha256:local', digest: null };
const newer = { id: 'sha256:newer', digest: 'app@sha256:n' };
const ignore = (): void => undefined;

function anEngine() {
  const engine = fakeEngine();
  engine.images.set('app:1', local);
  engine.registry.set('app:1', newer);
  return engine;
}

t.test('by reference: the policy says whether the registry is asked', async (t) => {
  const resolve = (pull: 'always' | 'never' | 'if-not-present') =>
    resolveImage(anEngine(), { ref: 'app:1', pull, imageId: null }, ignore);
  t.same(await resolve('if-not-present'), local);
  t.same(await resolve('never'), local);
  t.same(await resolve('always'), newer);
});

t.test('by id: that very image, through its digest when the tag has moved', async (t) => {
  const engine = anEngine();
  const wanted = { id: 'sha256:old', digest: null };
  const question = { ref: 'app:1', pull: 'if-not-present' as const, imageId: 'sha256:old' };
  await t.rejects(resolveImage(engine, question, ignore), {
    kind: 'no-such-image',
    message: /names another image by now than the one this release was made from \(old\)/,
  });
  engine.registry.set('app@sha256:old', wanted);
  t.same(await resolveImage(engine, question, ignore), wanted);
});

t.test('refusals say what was asked and what to do; no answer stays no answer', async (t) => {
  const engine = anEngine();
  const ask = (pull: 'always' | 'never') => resolveImage(engine, { ref: 'x:1', pull, imageId: null }, ignore);
  await t.rejects(ask('never'), { message: /not on this node and pull is "never"; load it there/ });
  await t.rejects(ask('always'), { message: /pull is "always".*, or set pull = "if-not-present"/ });
  engine.before = () => {
    throw new EngineError('down', 'gone');
  };
  await t.rejects(ask('always'), { name: 'EngineError', message: 'gone' });
});

t.test('the repository of a reference', async (t) => {
  t.same(
    ['app', 'app:1', 'host:5000/app', 'host:5000/a/b:1', 'app@sha256:x', 'app:1@sha256:x'].map(repositoryOf),
    ['app', 'app', 'host:5000/app', 'host:5000/a/b', 'app', 'app'],
  );
});

t.test('the percent of a pull grows by bytes over layers, and never goes back', async (t) => {
  const progress = noProgress();
  const downloading = (id: string, current: number, total: number) =>
    advancePull(progress, { id, status: 'Downloading', progressDetail: { current, total } });
  t.ok(downloading('a', 50, 100));
  t.equal(progress.percent, 50);
  t.notOk(downloading('b', 0, 100));
  t.equal(progress.percent, 50);
  t.ok(advancePull(progress, { id: 'a', status: 'Pull complete' }) || progress.percent === 50);
  t.ok(downloading('b', 100, 100));
  t.equal(progress.percent, 99, '100 is said by the end of the pull only');
  t.notOk(advancePull(progress, { status: 'Status: Downloaded newer image' }));
});

t.test('credentials of docker login are found by registry', async (t) => {
  const auth = Buffer.from('me:pass:word').toString('base64');
  const config = JSON.stringify({
    auths: { 'host:5000': { auth }, 'https://index.docker.io/v1/': { auth } },
  });
  t.match(authFor('host:5000/app:1', config), { username: 'me', password: 'pass:word' });
  t.match(authFor('library/app', config), { serveraddress: 'https://index.docker.io/v1/' });
  t.equal(authFor('ghcr.io/app', config), null);
  t.equal(authFor('app', '{broken'), null);
});

t.test("advice follows the engine's own words; unknown words stay alone", async (t) => {
  t.match(withAdvice('Bind for 0.0.0.0:80 failed: port is already allocated'), /allocated; stop what uses/);
  t.equal(withAdvice('something odd'), 'something odd');
  const once = withAdvice('dial tcp: lookup r.test: no such host');
  t.match(once, /no such host; check that this node/);
  for (const words of [
    'unauthorized: authentication required',
    'Head "https://r.test/v2/": no basic auth credentials',
  ])
    t.match(withAdvice(words), /; log in to that registry: `orca registry login HOST/);
  t.equal(withAdvice(`it failed: ${once}`), `it failed: ${once}`, 'not twice');
});
