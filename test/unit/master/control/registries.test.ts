import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openAuthority } from '../../../../master/authority.js';
import { createFreshCredentials } from '../../../../master/control/fresh-credentials.js';
import { createRegistries } from '../../../../master/control/registries.js';
import { createStates } from '../../../../master/control/states.js';
import { createRegistryCredentials } from '../../../../master/registry-credentials.js';
import { aNode, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { waitFor } from '../../../support/wait-for.js';
import { anAllocation } from '../../agent/an.js';

const given = { host: 'https://R.test:5000/v2/', username: 'me', password: 'open sesame' };
const content = (...images: string[]) => ({
  images: [],
  allocations: images.map((image) => anAllocation({ container: { image } })),
});

function aControl(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'orca-registries-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const { keys } = openAuthority(folder, Date.now());
  const store = aStore(t);
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const fresh = createFreshCredentials({
    ...{ log, onChange: () => undefined },
    fetch: async () => ({ username: 'helper', password: 'given anew' }),
  });
  return {
    store,
    keys,
    registries: createRegistries(store, createStates(store), keys, fresh, () => undefined),
  };
}

t.test('a password goes to the nodes that pull from there, and is shown to nobody', async (t) => {
  const { store, registries } = aControl(t);
  store.write((tx) => tx.putService(aService({}, { image: 'r.test:5000/app:1' })));
  t.equal(registries.login(given, 'admin'), 'r.test:5000');
  t.same(registries.sentFor(content('r.test:5000/app:1', 'r.test:5000/other:2')), {
    'r.test:5000': { username: 'me', password: 'open sesame', reason: null },
  });
  t.equal(registries.sentFor(content('app:1', 'r.test/app:1')), undefined);
  t.match(registries.list(), [{ host: 'r.test:5000', username: 'me', by: 'admin', usedBy: ['shop/api'] }]);
  t.notMatch(JSON.stringify([registries.list(), store.events(10)]), /sesame/);
  t.notMatch(JSON.stringify(store.meta('registries')), /sesame/);
});

t.test('it is sealed anew with another key, and one that was changed is a reason', async (t) => {
  const { store, keys, registries } = aControl(t);
  registries.login({ ...given, host: 'docker.io' }, 'admin');
  const before = JSON.stringify(store.meta('registries'));
  keys.rotate(store);
  t.not(JSON.stringify(store.meta('registries')), before);
  t.match(registries.sentFor(content('app:1')), { 'docker.io': { password: 'open sesame' } });
  const record = (store.meta('registries') as Record<string, object>)['docker.io'];
  store.write((tx) =>
    tx.putMeta('registries', { 'docker.io': { ...record, sealedPassword: 'x'.repeat(60) } }),
  );
  t.match(registries.sentFor(content('app:1')), {
    'docker.io': { password: null, reason: /can't be read: .*`orca registry login docker.io` sets it anew/ },
  });
});

t.test('what a URL is asked with is sealed, and shown without its query', async (t) => {
  const { store, registries } = aControl(t);
  const url = 'https://t.test/token?key=hush-1';
  registries.login({ host: 'r.test', token_url: url, bearer: 'hush-2', username: 'oauth2' }, 'admin');
  const shown = 'https://t.test/token?…';
  t.match(registries.list(), [{ host: 'r.test', username: 'oauth2', command: null, tokenUrl: shown }]);
  t.notMatch(JSON.stringify([registries.list(), store.events(10), store.meta('registries')]), /hush/);
  t.equal(registries.sentFor(content('r.test/app:1')), undefined, 'it is on its way');
  await new Promise((resolve) => setImmediate(resolve));
  t.match(registries.sentFor(content('r.test/app:1')), {
    'r.test': { username: 'helper', password: 'given anew' },
  });
  for (const [more, says] of [
    [{ token_url: 'http://t.test' }, /must be an https URL/],
    [{ token_url: 'https://me:pw@t.test' }, /no user or password/],
    [{ token_url: url, password: 'x' }, /one of a password, a command and a token_url/],
    [{ bearer: 'x' }, /bearer is what a token_url/],
  ] as const)
    t.throws(() => registries.login({ host: 'r.test', ...more }, 'admin'), {
      code: 'BODY_INVALID',
      message: says,
    });
});

t.test('logging out, and what is no registry', async (t) => {
  const { registries } = aControl(t);
  registries.login(given, 'admin');
  const mark = registries.mark();
  t.equal(registries.logout('r.test:5000', 'admin'), 'r.test:5000');
  t.not(registries.mark(), mark);
  t.throws(() => registries.logout('r.test:5000', 'admin'), { code: 'REGISTRY_NOT_FOUND' });
  for (const host of ['', 'me', 'r.test/app', 'a b.test', '-x.test', 'http://r.test'])
    t.throws(
      () => registries.login({ ...given, host }, 'admin'),
      { code: 'BODY_INVALID', message: /is no registry/ },
      host,
    );
});

t.test('no file of the store has it in plain', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'orca-registries-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const { store, registries } = aControl(t);
  registries.login(given, 'admin');
  await store.copyTo(folder);
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
  t.ok(files.length > 0);
  for (const text of files) t.notOk(text.includes('sesame'));
});

t.test(
  'what is set, removed or fetched is handed out at once: the loop is woken with all of it to be made anew',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'orca-registries-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const store = aStore(t);
    store.write((tx) => {
      tx.putService(aService({}, { image: 'r.test:5000/app:1' }));
      tx.putNode(aNode());
    });
    const { keys } = openAuthority(folder, Date.now());
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as never;
    let woken = 0;
    const wake = (): void => {
      t.match([...store.dirty.services], ['shop/api']);
      t.equal(store.dirty.nodes.size, 1);
      store.dirty.services.clear();
      store.dirty.nodes.clear();
      woken += 1;
    };
    const registries = createRegistryCredentials({ store, states: createStates(store), keys, log, wake });
    registries.login(given, 'admin');
    t.equal(woken, 1);
    registries.logout('r.test:5000', 'admin');
    t.equal(woken, 2);
    const said = JSON.stringify({ Username: 'helper', Secret: 'given anew' });
    registries.login({ host: 'r.test:5000', command: ['/bin/echo', said] }, 'admin');
    t.equal(woken, 3);
    registries.mark();
    await waitFor('it to be fetched', () => woken === 4);
    t.match(registries.sentFor(content('r.test:5000/app:1')), { 'r.test:5000': { password: 'given anew' } });
  },
);
