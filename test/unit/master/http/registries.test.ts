import t from 'tap';
import { anApi } from '../../../support/an-api.js';

const login = { host: 'r.test:5000', username: 'me', password: 'open sesame' };

t.test('credentials are set, listed and removed, and the password is in no answer', async (t) => {
  const { store, call } = await anApi(t);
  const answers = [
    await call('POST', '/registries', login),
    await call('GET', '/registries'),
    await call('DELETE', `/registries/${encodeURIComponent('r.test:5000')}`),
  ];
  t.match(answers[0], { status: 200, json: { ok: 'images of r.test:5000 are pulled as me from now on' } });
  t.match(answers[1]?.json, {
    registries: [{ host: 'r.test:5000', username: 'me', by: 'admin', used_by: [] }],
  });
  t.match(answers[2], { status: 200, json: { ok: 'credentials for r.test:5000 are removed' } });
  t.notMatch(JSON.stringify([answers, store.events(10)]), /sesame/);
  t.match(await call('DELETE', '/registries/r.test:5000'), {
    status: 404,
    json: { code: 'REGISTRY_NOT_FOUND' },
  });
});

t.test('only admins see or change them, and what does not fit changes nothing', async (t) => {
  const { store, call } = await anApi(t);
  for (const token of ['push', 'look'])
    for (const [method, path] of [
      ['GET', '/registries'],
      ['POST', '/registries'],
      ['DELETE', '/registries/r.test'],
    ] as const)
      t.match(
        await call(method, path, method === 'POST' ? login : undefined, token),
        { status: 403 },
        `${method} ${token}`,
      );
  for (const [change, says] of [
    [{ host: 'https://r.test/a/b' }, /is no registry: name its host as images do/],
    [{ password: '' }, /password/],
    [{ password: 'sesame'.repeat(3_000) }, /password: must be text of 1 to 16384 bytes/],
    [{ password: 7 }, /password/],
    [{ username: '' }, /username/],
    [{ pasword: 'sesame' }, /pasword/],
    [{ command: ['helper'] }, /give a username and a password, or a command/],
    [{ command: [] }, /command/],
  ] as const) {
    const { status, body } = await call('POST', '/registries', { ...login, ...change });
    t.equal(status, 400);
    t.match(body, says);
    t.notMatch(body, 'sesamesesame');
  }
  t.equal(store.meta('registries'), undefined);
});

t.test('a command is kept in place of a password, and shown', async (t) => {
  const { call } = await anApi(t);
  const command = ['docker-credential-none', 'get'];
  const { status, json } = await call('POST', '/registries', { host: 'r.test', command });
  t.match(
    { status, json },
    {
      status: 200,
      json: { ok: 'images of r.test are pulled with what docker-credential-none gives from now on' },
    },
  );
  t.match((await call('GET', '/registries')).json, {
    registries: [{ host: 'r.test', username: null, command }],
  });
});
