import t from 'tap';
import { aService, aSpec } from '../../../support/a-model.js';
import { anApi, withService } from '../../../support/an-api.js';
import { githubPush, signedCall } from '../../../support/hook-payloads.js';

const wanted = { repo: 'https://github.com/org/myapp.git', service_name: 'api' };

t.test('a webhook is made with a secret that is said once, and is sealed in the store', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const unsetToo = { ...wanted, secret: null, branch: null, infra: false, paths: null };
  const { status, json } = await call('POST', '/webhooks', unsetToo, 'push');
  t.equal(status, 201);
  t.match(json, {
    ...{ repo: 'org/myapp', service_name: 'api', project: 'shop', provider: 'github', branch: null },
    ...{ has_secret: true, infra: false, last_invocation: null, is_public: false, created_by: 'hands' },
  });
  t.equal(json.secret.length, 43);
  const listed = await call('GET', '/webhooks', undefined, 'look');
  t.match(listed.json.webhooks, [{ id: json.id, has_secret: true, url: json.url }]);
  const events = (await call('GET', '/events')).body;
  for (const seen of [listed.body, events, JSON.stringify(store.webhooks())])
    t.notOk(seen.includes(json.secret));
  t.match(events, /hands added the webhook/);
});

t.test('secrets that a webhook names and nobody has set are said at once', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const infra = { infra: true, repo: 'git@github.com:o/r.git', deploy_key: 'infra_key' };
  const unset = async (body: object) => (await call('POST', '/webhooks', body)).json.unset_secrets;
  t.same(await unset(infra), ['infra_key']);
  t.same(await unset({ ...wanted, status_secret: 'forge' }), ['forge --project shop']);
  t.same(await unset(wanted), []);
  store.write((tx) => tx.putSecret('/infra_key', { id: 's', values: [] } as never));
  t.same(await unset({ ...infra, branch: 'next' }), []);
});

t.test('the same files of an infrastructure repository are deployed by one webhook', async (t) => {
  const { call } = await anApi(t);
  const add = async (more: object) =>
    (await call('POST', '/webhooks', { infra: true, repo: 'org/infra', ...more })).json;
  const { id } = await add({});
  t.match(await add({}), {
    code: 'CONFLICT',
    error: new RegExp(`${id} deploys the same files of org/infra already`),
  });
  for (const more of [
    { branch: 'next' },
    { tag: 'v*' },
    { infra_paths: ['a/*.toml'] },
    { provider: 'gitlab' },
  ])
    t.match(await add(more), { infra: true }, JSON.stringify(more));
});

t.test('what can not be is refused with the key and the reason', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const cases: [object, string, RegExp][] = [
    [{ repo: 'myapp' }, 'BODY_INVALID', /repo must be such as org\/myapp/],
    [{ service_name: 'none' }, 'SERVICE_NOT_FOUND', /"none"/],
    [{ service_name: null }, 'BODY_INVALID', /service_name is missing/],
    [{ prune: true }, 'BODY_INVALID', /prune.* for infra = true/],
    [{ infra: 'yes' }, 'BODY_INVALID', /infra must be true or false/],
    [
      { infra: true, repo: 'git@git.example.com:o/r.git', deploy_key: 'k' },
      'BODY_INVALID',
      /provider is missing/,
    ],
    [{ infra: true, repo: 'https://github.com.example.com/o/r.git' }, 'BODY_INVALID', /provider is missing/],
    [{ infra: true, repo: 'org/infra', preview: true }, 'BODY_INVALID', /preview is of one service/],
    [{ infra: true, deploy_key: 'k' }, 'BODY_INVALID', /deploy_key is for repositories over ssh/],
    [
      { infra: true, repo: 'git@example.com:o/r.git' },
      'BODY_INVALID',
      /deploy_key is required over ssh; name the secret/,
    ],
    [{ infra: true, repo: 'http://example.com/o/r.git' }, 'BODY_INVALID', /repo must be https/],
    [{ infra: true, repo: 'https://a:b@example.com/o/r.git' }, 'BODY_INVALID', /no user or password/],
    [{ infra: true, repo: 'org/infra', provider: 'gitea' }, 'BODY_INVALID', /address that git clones/],
    [{ infra: true, token_secret: 'a b' }, 'BODY_INVALID', /token_secret/],
    [{ infra: true, branch: '--upload-pack=x' }, 'BODY_INVALID', /branch must be the name/],
    [{ infra: true, infra_paths: ['../x'] }, 'BODY_INVALID', /infra_paths: "..\/x" must stay inside/],
    [{ infra: true, infra_paths: [':(exclude)x'] }, 'BODY_INVALID', /must stay inside/],
    [{ provider: 'svn' }, 'BODY_INVALID', /provider/],
    [{ secret: 'two\nlines of words' }, 'BODY_INVALID', /secret.*printable/],
    [{ secret: 'x' }, 'BODY_INVALID', /secret.*16 to 512/],
    [{ secret: 'fifteen letters' }, 'BODY_INVALID', /secret.*16 to 512/],
    [{ paths: ['a*b*c*d'] }, 'BODY_INVALID', /paths\.0 must not have more/],
    [
      { tag: 'v*', paths: ['api/**'] },
      'BODY_INVALID',
      /paths are of pushes to branches, .* name the branch too/,
    ],
    [{ tag: '' }, 'BODY_INVALID', /tag must have/],
    [{ branch: 'a b' }, 'BODY_INVALID', /branch must be/],
    [{ image_tag: 'tag' }, 'BODY_INVALID', /image_tag is for the provider generic/],
    [{ provider: 'generic', image_tag: 'a..b' }, 'BODY_INVALID', /image_tag/],
    [{ brnach: 'main' }, 'BODY_INVALID', /brnach/],
  ];
  for (const [more, code, error] of cases)
    t.match(
      (await call('POST', '/webhooks', { ...wanted, ...more })).json,
      { code, error },
      JSON.stringify(more),
    );
  t.equal((await call('POST', '/webhooks', wanted, 'look')).status, 403);
  t.equal((await call('POST', '/webhooks', wanted, '')).status, 401);
  t.same(store.webhooks(), []);
});

t.test('what counts is shown: of a service that is built, its branch and paths', async (t) => {
  const { call, store } = await anApi(t);
  const build = { repo: 'https://git.example.com/a.git', branch: 'release', paths: ['api/**'] };
  store.write((tx) => tx.putService(aService({ spec: aSpec({ image: undefined, build }) })));
  const counts = async (more: object) =>
    (await call('POST', '/webhooks', { ...wanted, ...more })).json.counts;
  t.same(await counts({}), { branch: 'release', paths: ['api/**'] });
  t.same(await counts({ branch: 'main', paths: ['lib/**'] }), { branch: 'main', paths: ['lib/**'] });
  t.same(await counts({ tag: 'v*' }), { branch: null, paths: [] });
  t.same(await counts({ provider: 'generic' }), { branch: null, paths: [] });
});

t.test('deliveries are listed newest first, by id or service, and repeated by who may', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const { id, secret } = (await call('POST', '/webhooks', wanted)).json;
  const ids: string[] = [];
  for (const ref of ['refs/heads/dev', 'refs/heads/main']) {
    const { body, headers } = signedCall('github', secret, githubPush({ ref }));
    ids.push((await call('POST', `/webhooks/github/${id}`, body, '', headers)).json.delivery);
  }
  for (const path of [
    `/webhooks/${id}/deliveries`,
    '/webhooks/api/deliveries',
    '/webhooks/shop%2Fapi/deliveries',
  ]) {
    const { deliveries } = (await call('GET', path, undefined, 'look')).json;
    t.same(new Set(deliveries.map((one: { id: string }) => one.id)), new Set(ids), path);
  }
  const { invocations } = (await call('GET', '/webhooks/api/invocations')).json;
  t.equal(invocations.length, 2);
  t.ok(
    invocations.some(
      ({ state, reason }: { state: string; reason: string }) => state === 'skipped' && /dev/.test(reason),
    ),
  );
  const [skipped, waiting] = ids;
  t.match(await call('POST', `/webhooks/deliveries/${waiting}/redeliver`), { status: 409 });
  const again = await call('POST', `/webhooks/deliveries/${skipped}/redeliver`);
  t.equal(again.status, 202);
  t.match(store.delivery(again.json.delivery), { state: 'waiting', redeliveryOf: skipped });
  t.equal((await call('POST', `/webhooks/deliveries/${skipped}/redeliver`, undefined, 'look')).status, 403);
  t.equal((await call('POST', '/webhooks/deliveries/d-none/redeliver')).status, 404);
  t.match((await call('GET', '/webhooks')).json.webhooks, [
    { last_invocation: /T/, last_delivery: { webhook: id } },
  ]);
});

t.test('a webhook goes by its id, or by its service where it is the only one', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const first = (await call('POST', '/webhooks', wanted)).json;
  const second = (await call('POST', '/webhooks', wanted)).json;
  t.match(await call('DELETE', '/webhooks/api'), { status: 409, json: { error: /2 webhooks: wh-/ } });
  t.equal((await call('DELETE', `/webhooks/${first.id}`, undefined, 'look')).status, 403);
  t.match(await call('DELETE', `/webhooks/${first.id}`), { status: 200, json: { ok: /removed/ } });
  t.match(await call('DELETE', '/webhooks/api'), { status: 200, json: { ok: new RegExp(second.id) } });
  t.equal((await call('DELETE', '/webhooks/api')).status, 404);
  t.equal((await call('GET', '/webhooks/api/deliveries')).status, 404);
});

t.test('the document names every path of webhooks, and which need no token', async (t) => {
  const { call } = await anApi(t);
  const { paths } = (await call('GET', '/openapi.json')).json;
  t.same(paths['/webhooks/github'].post.security, []);
  t.same(paths['/webhooks/generic/{id}'].post.security, []);
  t.notOk('security' in paths['/webhooks'].post);
  t.ok(paths['/webhooks/{id}/deliveries'].get);
});

t.test('an infrastructure repository is of nobody who is limited to projects', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const infra = { repo: 'org/infra', infra: true, prune: true, token_secret: '$' + '{secrets.forge}' };
  const { status, json } = await call('POST', '/webhooks', infra, 'push');
  t.equal(status, 201);
  t.match(json, {
    ...{ repo: 'org/infra', service_name: '*', project: '*', infra: true },
    infra_source: {
      ...{ url: 'https://github.com/org/infra.git', prune: true, token_secret: 'forge', deploy_key: null },
      paths: ['services/*/service.toml', 'services/*/service.yaml', 'services/*/service.yml'],
    },
  });
  t.match(store.webhooks(), [{ service: `*/${json.id}` }]);
  const made = { name: 'shop', role: 'deployer', projects: ['shop'] };
  const { token } = (await call('POST', '/tokens', made)).json;
  const limited = (method: 'GET' | 'POST', path: string, body?: object) =>
    call(method, path, body, '', { authorization: `Bearer ${token}` });
  const refused = await limited('POST', '/webhooks', infra);
  t.match(refused, { status: 403, json: { error: /what is of all projects is beyond that/ } });
  t.same((await limited('GET', '/webhooks')).json.webhooks, []);
  t.equal((await limited('GET', `/webhooks/${json.id}/deliveries`)).status, 403);
  const { body, headers } = signedCall('github', json.secret, githubPush({ repo: 'org/infra' }));
  const taken = await call('POST', `/webhooks/github/${json.id}`, body, '', headers);
  t.match(taken, { status: 202, json: { deliveries: [{ state: 'waiting' }] } });
  const { deliveries } = (await call('GET', `/webhooks/${json.id}/deliveries`)).json;
  t.match(deliveries, [{ service: '*', infra: null }]);
  t.equal((await call('DELETE', `/webhooks/${json.id}`)).status, 200);
});

t.test('no service and no project takes all the webhooks there may be', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const add = async (service_name: string) =>
    (await call('POST', '/webhooks', { ...wanted, service_name })).json;
  for (let count = 0; count < 20; count += 1) await add('api');
  t.match(await add('api'), { code: 'CONFLICT', error: /shop\/api has 20 webhooks/ });
  const [first] = store.webhooks();
  store.write((tx) => {
    for (let count = 20; count < 50; count += 1)
      if (first) tx.putWebhook({ ...first, id: `wh-of-${count}`, service: `shop/other-${count % 3}` });
  });
  store.write((tx) => {
    for (const key of ['shop/web', 'another/its'] as const) {
      const [project = '', name = ''] = key.split('/');
      tx.putService({ ...aService(), key, project, name });
    }
  });
  t.match(await add('web'), { code: 'CONFLICT', error: /the project shop has 50 webhooks/ });
  t.match(await add('its'), { service_name: 'its' });
});
