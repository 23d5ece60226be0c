import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createSecretValues } from '../../../../master/control/secret-values.js';
import { createSecrets } from '../../../../master/control/secrets.js';
import { createStates } from '../../../../master/control/states.js';
import { openKeyring } from '../../../../master/keyring.js';
import type { AllocationAssignment } from '../../../../shared/protocol.js';
import { secretKey, valueId } from '../../../../shared/secret-reference.js';
import { aRelease, aService, aSpec } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const reference = (name: string): string => `$${`{secrets.${name}}`}`;

function some(t: Test) {
  const home = mkdtempSync(join(tmpdir(), 'orca-secrets-'));
  t.teardown(() => rmSync(home, { recursive: true }));
  const store = aStore(t);
  const keys = openKeyring(home, {});
  keys.settle(store);
  const secrets = createSecrets({ store, states: createStates(store), ...keys });
  const values = createSecretValues(store, keys.unseal);
  const set = (name: string, value: string, project: string | null = null) =>
    secrets.set([{ project, name, value }], 'me')[0];
  const pinned = (env: Record<string, string>) => {
    const [spec] = values.pin([aSpec({ env })]);
    if (!spec) throw new Error('one spec in, one out');
    return spec;
  };
  const sent = (spec: ReturnType<typeof aSpec>) =>
    values.sentFor([{ desired: 'running', container: spec.container } as AllocationAssignment]);
  return { store, keys, secrets, values, set, pinned, sent };
}

t.test(
  'a name is looked up in the project, then among those of all, and what is sent has its value',
  async (t) => {
    const { set, pinned, sent, store } = some(t);
    t.equal(set('db', 'hidden-all'), 'added');
    t.equal(set('db', 'hidden-shop', 'shop'), 'added');
    t.equal(set('db', 'hidden-other', 'other'), 'added');
    t.equal(set('token', 'x'), 'added');
    const spec = pinned({ A: reference('db'), B: `p${reference('token')}` });
    t.match(spec.container.secrets, { db: /^shop\/db@/, token: /^\/token@/ });
    t.same(spec.container.env, { A: reference('db'), B: `p${reference('token')}` }, 'the reference stays');
    t.same(
      Object.values(sent(spec) ?? {}).map(({ value }) => value),
      ['x', 'hidden-shop'],
    );
    t.notMatch(JSON.stringify([store.secrets(), store.events(10)]), /hidden/);
    t.notOk('secrets' in pinned({}).container, 'a container without references is what it was');
  },
);

t.test('every secret that is missing is named, with the services that need it', async (t) => {
  const { set, values } = some(t);
  set('there', '1', 'other');
  const specs = [
    aSpec({ env: { A: reference('there') } }),
    aSpec({ name: 'b', env: { B: reference('gone') } }),
  ];
  t.throws(() => values.pin(specs), {
    code: 'SECRET_MISSING',
    message:
      'api: env.A needs the secret "there", which is not set\nb: env.B needs the secret "gone", which is not set',
  });
  // Made with `orca deploy-key create api` before the first deploy, when it could be of no other project.
  set('api_deploy_key', '1', 'default');
  const build = { repo: 'git@git.example.com:a.git', deploy_key: reference('api_deploy_key') };
  t.throws(() => values.pin([aSpec({ image: undefined, build })]), {
    message:
      'api: build.deploy_key needs the secret "api_deploy_key", which is not set for shop; `orca deploy-key create shop/api` makes one',
  });
});

t.test(
  'the same value again is no change; another one is, and the older one is kept for what runs with it',
  async (t) => {
    const { set, secrets, pinned, sent, store } = some(t);
    set('db', 'one');
    const spec = pinned({ A: reference('db') });
    const service = aService({ spec });
    store.write((tx) => {
      tx.putService(service);
      tx.putRelease(aRelease({ spec }));
    });
    t.equal(set('db', 'one'), 'unchanged');
    t.same(secrets.one(null, 'db').uses, [{ service: 'shop/api', isOutdated: false }]);
    t.equal(set('db', 'two'), 'changed');
    t.equal(set('db', 'three'), 'changed');
    t.equal(store.secret('/db')?.values.length, 2, 'one that nothing was deployed with is dropped');
    t.same(secrets.one(null, 'db').uses, [{ service: 'shop/api', isOutdated: true }]);
    t.match(Object.values(sent(spec) ?? {}), [{ value: 'one', reason: null }]);
    t.match(Object.values(sent(pinned({ A: reference('db') })) ?? {}), [{ value: 'three' }]);
    store.write((tx) => tx.deleteService(service.key));
    secrets.sweep();
    t.equal(store.secret('/db')?.values.length, 1);
  },
);

t.test('one of the project takes the place of one of all: who used that is told so', async (t) => {
  const { set, secrets, pinned, store } = some(t);
  set('db', 'hidden-all');
  const spec = pinned({ A: reference('db') });
  store.write((tx) => {
    tx.putService(aService({ spec }));
    tx.putRelease(aRelease({ spec }));
  });
  set('db', 'hidden-shop', 'shop');
  t.same(secrets.uses('shop', ['db']), [{ service: 'shop/api', isOutdated: true }]);
  t.same(secrets.uses(null, ['db']), [{ service: 'shop/api', isOutdated: true }]);
});

t.test(
  'one in use is removed by force only; what needs it is told why, and going back is refused',
  async (t) => {
    const { set, secrets, values, pinned, sent, store } = some(t);
    set('db', 'one');
    const spec = pinned({ A: reference('db') });
    store.write((tx) => {
      tx.putService(aService({ spec }));
      tx.putRelease(aRelease({ spec }));
    });
    t.throws(() => secrets.remove(null, 'db', false, 'me'), { code: 'SECRET_IN_USE', message: /shop\/api/ });
    t.throws(() => secrets.remove('shop', 'db', true, 'me'), {
      code: 'SECRET_NOT_FOUND',
      message: /db of shop/,
    });
    t.match(secrets.remove(null, 'db', true, 'me'), [{ service: 'shop/api' }]);
    t.match(Object.values(sent(spec) ?? {}), [{ value: null, reason: /the secret db was removed/ }]);
    t.throws(() => values.refuseForgotten(spec), { code: 'SECRET_MISSING', message: /not kept any more/ });
    set('db', 'one');
    t.match(Object.values(sent(spec) ?? {}), [{ value: null }], 'a new value is never taken for the old one');
  },
);

t.test('swapped and changed ciphertexts are refused and named, not used', async (t) => {
  const { set, pinned, sent, values, store, secrets } = some(t);
  set('a', 'value-a', 'shop');
  set('b', 'value-b', 'shop');
  const spec = pinned({ A: reference('a'), B: reference('b') });
  const [a, b] = [store.secret('shop/a'), store.secret('shop/b')];
  if (!a || !b) throw new Error('they were set');
  const wrong = {
    'swapped between two secrets': { ...a, values: [{ ...a.values[0], sealed: b.values[0]?.sealed }] },
    'a whole record of another': b,
    'another version': { ...a, values: [{ ...a.values[0], version: b.values[0]?.version }] },
    changed: { ...a, values: [{ ...a.values[0], sealed: `${a.values[0]?.sealed.slice(0, -8)}AAAAAAA=` }] },
    'no sealed text at all': { ...a, values: [{ ...a.values[0], sealed: 'value-b' }] },
  };
  for (const [what, record] of Object.entries(wrong)) {
    store.write((tx) => tx.putSecret('shop/a', record as typeof a));
    const found = sent(spec)?.[spec.container.secrets?.a ?? ''];
    t.equal(found?.value, null, what);
    t.match(found?.reason, /secret a of shop (can't be read|was removed)/, what);
    if (store.secret('shop/a')?.values[0]?.version === a.values[0]?.version)
      t.throws(
        () => pinned({ A: reference('a') }),
        { code: 'SECRET_UNREADABLE', message: /a of shop/ },
        what,
      );
  }
  t.equal(secrets.set([{ project: 'shop', name: 'a', value: 'anew' }], 'me')[0], 'changed');
  t.match(values.pin([aSpec({ env: { A: reference('a') } })]), [{ name: 'api' }]);
  t.equal(valueId(secretKey('shop', 'a'), 'x'), 'shop/a@x');
});

t.test('many are set as a whole, and a bad one is named without its value', async (t) => {
  const { secrets, store } = some(t);
  for (const [name, value, says] of [
    ['bad', '', /must not be empty/],
    ['bad', 'hidden\0', /NUL/],
    ['bad', 'hidden'.repeat(20_000), /64 KiB/],
    ['a/b', 'hidden', /must be letters/],
  ] as const)
    try {
      secrets.set(
        [
          { project: null, name: 'good', value: 'x' },
          { project: null, name, value },
        ],
        'me',
      );
      t.fail('it was taken');
    } catch (error) {
      t.match(error, { code: 'BODY_INVALID', message: says });
      t.notMatch((error as Error).message, 'hidden');
    }
  t.same(store.secrets(), []);
});

t.test(
  'one that cluster.toml refers to is not removed by mistake, and one of a project is another',
  async (t) => {
    const { store, keys, set } = some(t);
    const inCluster = () => ['dns_token'];
    const secrets = createSecrets({ store, states: createStates(store), inCluster, ...keys });
    set('dns_token', 'hidden');
    set('dns_token', 'hidden', 'shop');
    t.throws(() => secrets.remove(null, 'dns_token', false, 'me'), {
      code: 'SECRET_IN_USE',
      message: 'the secret dns_token is used by cluster.toml',
    });
    secrets.remove('shop', 'dns_token', false, 'me');
    secrets.remove(null, 'dns_token', true, 'me');
    t.same(secrets.list(), []);
  },
);

t.test('what the master does itself gets the newest value of all projects, or none', async (t) => {
  const { values, set } = some(t);
  t.equal(values.ofAll('dns_token'), null);
  set('dns_token', 'hidden', 'shop');
  t.equal(values.ofAll('dns_token'), null);
  set('dns_token', 'hidden-1');
  set('dns_token', 'hidden-2');
  t.equal(values.ofAll('dns_token'), 'hidden-2');
});
