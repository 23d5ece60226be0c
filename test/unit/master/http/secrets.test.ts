import t from 'tap';
import { OrcaError } from '../../../../shared/errors.js';
import { aRelease, aService, aSpec } from '../../../support/a-model.js';
import { anApi } from '../../../support/an-api.js';

const reference = (name: string): string => `$${`{secrets.${name}}`}`;

t.test('a secret is set, listed, shown and removed, and its value is in no answer', async (t) => {
  const { call } = await anApi(t);
  const answers: string[] = [];
  const asked = async (...args: Parameters<typeof call>) => {
    const answer = await call(...args);
    answers.push(answer.body);
    return answer;
  };
  t.match(await asked('POST', '/secrets/db?project=shop', { value: 'hush-hush' }), {
    status: 200,
    json: {
      ok: 'secret db of shop: added',
      secrets: [{ key: 'db', project: 'shop', change: 'added' }],
      services: [],
    },
  });
  t.match((await asked('POST', '/secrets/db?project=shop', { value: 'hush-hush' })).json, {
    secrets: [{ change: 'unchanged' }],
  });
  await asked('POST', '/secrets', {
    secrets: [
      { key: 'a', value: 'hush-a' },
      { key: 'b', value: 'hush-b' },
    ],
  });
  t.match((await asked('GET', '/secrets?project=other')).json, { secrets: [{ key: 'a' }, { key: 'b' }] });
  t.match((await asked('GET', '/secrets')).json.secrets.length, 3);
  t.match((await asked('GET', '/secrets/db?project=shop')).json, {
    key: 'db',
    project: 'shop',
    by: 'admin',
    used_by: [],
  });
  t.match(await asked('GET', '/secrets/db'), { status: 404, json: { code: 'SECRET_NOT_FOUND' } });
  t.match(await asked('DELETE', '/secrets/db?project=shop'), {
    status: 200,
    json: { secrets: [{ change: 'removed' }] },
  });
  t.match(await asked('DELETE', '/secrets/db?project=shop'), { status: 404 });
  t.match(await asked('POST', '/cluster/rotate-key'), { status: 200, json: { unreadable: [] } });
  await asked('GET', '/events');
  t.notMatch(answers.join(), /hush/);
});

t.test('a name is found as long as it may be set', async (t) => {
  const { call } = await anApi(t);
  const key = 'k'.repeat(127);
  t.equal((await call('POST', `/secrets/${key}`, { value: 'hush' })).status, 200);
  t.equal((await call('DELETE', `/secrets/${key}`)).status, 200);
});

t.test('a body that does not fit is refused without the value in it, and nothing is set', async (t) => {
  const { call, store } = await anApi(t);
  for (const [path, body] of [
    ['/secrets/x', { value: { hush: 'hush' } }],
    ['/secrets/x', { value: 'hush', other: 1 }],
    ['/secrets/x', { value: '' }],
    ['/secrets/x?project=../etc', { value: 'hush' }],
    ['/secrets/__proto__', { value: 'hush' }],
    ['/secrets/a%2Fb', { value: 'hush' }],
    [
      '/secrets',
      {
        secrets: [
          { key: 'x', value: 'hush' },
          { key: 'x', value: 'hush' },
        ],
      },
    ],
    ['/secrets', { secrets: [{ key: 'x', value: 12_345_678 }] }],
    ['/secrets', { secrets: [] }],
  ] as const) {
    const answer = await call('POST', path, body);
    t.match(answer, { status: 400, json: { code: 'BODY_INVALID' } }, `${path} ${JSON.stringify(body)}`);
    t.notMatch(answer.body, /"hush"|: hush|12345678/, path);
  }
  t.same(store.secrets(), []);
});

t.test('only a token that may change things sets and removes, and the key is for admins', async (t) => {
  const { call } = await anApi(t);
  for (const [method, path, body, allowed] of [
    ['GET', '/secrets', undefined, ['good', 'push', 'look']],
    ['POST', '/secrets/x', { value: 'v' }, ['good', 'push']],
    ['POST', '/secrets', { secrets: [{ key: 'x', value: 'v' }] }, ['good', 'push']],
    ['DELETE', '/secrets/x', undefined, ['good']],
    ['POST', '/cluster/rotate-key', undefined, ['good']],
  ] as const)
    for (const token of ['', 'wrong', 'look', 'push', 'good']) {
      if (method === 'DELETE' && token === 'push') continue;
      const { status } = await call(method, path, body, token);
      const expected = (allowed as readonly string[]).includes(token)
        ? 200
        : token === '' || token === 'wrong'
          ? 401
          : 403;
      t.equal(status, expected, `${method} ${path} with "${token}"`);
    }
});

t.test(
  'a change says who uses it; redeploy rolls those that run with an older value, and says what failed',
  async (t) => {
    const renewed: string[] = [];
    const { call, store } = await anApi(t, {
      commands: {
        renew: (service) => {
          renewed.push(service);
          if (service === 'shop/b') throw new OrcaError('CONFLICT', 'it is being removed');
          return 'r-7';
        },
      },
    });
    await call('POST', '/secrets/db', { value: 'one' });
    const version = store.secret('/db')?.values[0]?.version;
    for (const name of ['a', 'b', 'stopped']) {
      const spec = aSpec({ name, env: { A: reference('db') } });
      const container = { ...spec.container, secrets: { db: `/db@${version}` } };
      const desired = name === 'stopped' ? ('stopped' as const) : ('running' as const);
      store.write((tx) => {
        tx.putService({ ...aService(), key: `shop/${name}`, name, spec: { ...spec, container }, desired });
        tx.putRelease(aRelease({ service: `shop/${name}`, spec: { ...spec, container } }));
      });
    }
    t.match((await call('POST', '/secrets/db', { value: 'one', redeploy: true })).json.services, [
      { service: 'shop/a', state: 'current' },
      { service: 'shop/b', state: 'current' },
      { service: 'shop/stopped', state: 'current' },
    ]);
    t.same(renewed, []);
    t.match((await call('POST', '/secrets/db', { value: 'two' })).json.services, [
      { service: 'shop/a', state: 'outdated' },
      { service: 'shop/b', state: 'outdated' },
      { service: 'shop/stopped', state: 'outdated' },
    ]);
    t.match((await call('POST', '/secrets/db', { value: 'two', redeploy: true })).json.services, [
      { service: 'shop/a', state: 'redeployed', rollout: 'r-7', error: null },
      { service: 'shop/b', state: 'failed', rollout: null, error: 'it is being removed' },
      { service: 'shop/stopped', state: 'outdated', rollout: null },
    ]);
    t.match(await call('DELETE', '/secrets/db'), { status: 409, json: { code: 'SECRET_IN_USE' } });
    t.match((await call('DELETE', '/secrets/db?force=true')).json.services.length, 3);
  },
);
