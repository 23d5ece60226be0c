import t from 'tap';
import { errorTable, OrcaError } from '../../../../shared/errors.js';
import { aRollout, aService } from '../../../support/a-model.js';
import { anApi, withService } from '../../../support/an-api.js';

const services = [{ name: 'api', image: 'app:1', port: 80, domain: 'new.example.com' }];

t.test('nothing but health answers without a token, not even that a path is not there', async (t) => {
  const { call } = await anApi(t);
  t.equal((await call('GET', '/health', undefined, '')).status, 200);
  for (const path of ['/status', '/openapi.json', '/metrics', '/no-such-path'])
    t.match(
      await call('GET', path, undefined, ''),
      { status: 401, json: { code: 'NOT_AUTHENTICATED' } },
      path,
    );
  t.equal((await call('GET', '/status', undefined, 'bad')).status, 401);
  t.match(await call('GET', '/no-such-path'), { status: 404, json: { code: 'NOT_FOUND' } });
});

t.test(
  'health says why the master can store nothing, or takes no request, and that it answers',
  async (t) => {
    const { call, store } = await anApi(t);
    t.match((await call('GET', '/health')).json, { status: 'ok', reason: null });
    const { requireRoom } = store;
    store.requireRoom = () => {
      throw new OrcaError('STORE_FULL', 'the disk of the Orca home has 3 KiB left');
    };
    t.match(await call('GET', '/health', undefined, ''), {
      status: 200,
      json: { status: 'degraded', reason: 'the disk of the Orca home has 3 KiB left' },
    });
    store.problem = () => 'the disk of the Orca home is full';
    t.match((await call('GET', '/health')).json, { reason: 'the disk of the Orca home is full' });
    store.requireRoom = requireRoom;
    t.match((await call('GET', '/health')).json, { status: 'degraded' });
  },
);

t.test('a viewer looks and plans, but changes nothing', async (t) => {
  const { call, asked } = await anApi(t);
  t.equal((await call('GET', '/status', undefined, 'look')).status, 200);
  t.equal((await call('POST', '/plan', { services }, 'look')).status, 200);
  t.match(await call('POST', '/deploy', { services }, 'look'), {
    status: 403,
    json: { code: 'NOT_ALLOWED' },
  });
  t.same(
    asked.map(({ name }) => name),
    ['plan'],
  );
});

t.test('what is stopped already is not said to be stopping', async (t) => {
  const { call, store } = await anApi(t);
  store.write((tx) => tx.putService(aService({ desired: 'stopped' })));
  t.match(await call('POST', '/services/api/stop'), { status: 200, json: { ok: 'api is stopped already' } });
});

t.test('the rollout that goes on is shown, not the newer one that has failed', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const open = aRollout({ id: 'r-2', state: 'rolling', release: 2, endedAtMs: null });
  store.write((tx) => {
    tx.putRollout(aRollout({ id: 'r-3', state: 'failed', endedAtMs: 9, replaces: null }));
    tx.putRollout(open);
  });
  t.match(await call('GET', '/status'), {
    json: { services: [{ rollout: { id: 'r-2', state: 'rolling' } }] },
  });
});

t.test('bad bodies have their codes, a hint each, and change nothing', async (t) => {
  const { call, asked, store } = await anApi(t);
  withService(store);
  const cases: [string, string | object, keyof typeof errorTable, RegExp][] = [
    ['/deploy', '{"services": [', 'BODY_INVALID', /not JSON/],
    ['/deploy', { services: [] }, 'BODY_INVALID', /services/],
    ['/deploy', { services: [{ name: 'x', image: 'y', no_such_key: 1 }] }, 'CONFIG_INVALID', /no_such_key/],
    ['/deploy', { services: [{ name: 'x' }] }, 'CONFIG_INVALID', /image/],
    ['/deploy', { services: [services[0], services[0]] }, 'CONFIG_INVALID', /already/],
    [
      '/deploy',
      { services: [{ ...services[0], name: 'x', domain: 'api.example.com' }] },
      'ROUTE_TAKEN',
      /api.example.com/,
    ],
    [
      '/deploy',
      { services: [{ ...services[0], domain: 'orca.example.com' }] },
      'ROUTE_TAKEN',
      /orca.example.com is the cluster's own domain/,
    ],
    [
      '/deploy',
      { services: [{ ...services[0], env: { A: `hush $${'{secrets.}'}` } }] },
      'CONFIG_INVALID',
      /env\.A: has \$\{secrets\.\}, which names no secret/,
    ],
    [
      '/deploy',
      { services: [{ ...services[0], deploy: { strategy: 'canary', canary_steps: [9, 5] } }] },
      'CONFIG_INVALID',
      /canary_steps\[1\]: must be more/,
    ],
    ['/deploy', 'x'.repeat(5 * 1024 * 1024), 'BODY_TOO_LARGE', /4 MiB/],
    ['/deploy?wait=soon', { services }, 'BODY_INVALID', /wait/],
    ['/services/api/scale', { replicas: -1 }, 'BODY_INVALID', /^replicas: must be at least 0; it is -1$/],
    ['/services/api/scale', {}, 'BODY_INVALID', /^replicas: is required$/],
    ['/services/api/rollback', { to: 'latest' }, 'BODY_INVALID', /latest/],
    ['/services/nope/stop', {}, 'SERVICE_NOT_FOUND', /nope/],
    ['/services/api/promote', { weight: 101 }, 'BODY_INVALID', /^weight: must be at most 100; it is 101$/],
    ['/cluster/nodes/n-1/role', { role: 'boss' }, 'BODY_INVALID', /role/],
    ['/cluster/nodes/n-1/labels', { set: { __proto: 'x' } }, 'BODY_INVALID', /letter or digit first/],
  ];
  for (const [path, body, code, error] of cases) {
    const answer = await call('POST', path, body);
    t.match(answer, { status: errorTable[code].status, json: { code, error, hint: /./ } }, `${path} ${code}`);
  }
  t.match(await call('GET', '/rollouts/nope'), { status: 404, json: { code: 'ROLLOUT_NOT_FOUND' } });
  t.same(asked, []);
});

t.test('all problems of all services are listed at once', async (t) => {
  const { call } = await anApi(t);
  const { json } = await call('POST', '/deploy', {
    services: [
      { name: 'a', imgae: 'x' },
      { name: 'b', image: 'y', replicas: 'z' },
    ],
  });
  t.match(json, {
    code: 'CONFIG_INVALID',
    error: /imgae[\s\S]*replicas/,
    deployed: [],
    errors: [{ code: 'CONFIG_INVALID' }],
  });
});

t.test('requests as clients of the Rust Orca send them get the answers they know', async (t) => {
  const { call, asked, store } = await anApi(t);
  withService(store);
  const unset = {
    domain: null,
    replicas: null,
    command: null,
    readiness: null,
    resources: null,
    env: {},
    mounts: [],
    depends_on: [],
  };
  const deployed = await call('POST', '/deploy', { services: [{ name: 'web', image: 'web:1', ...unset }] });
  t.match(deployed, { status: 200, json: { deployed: ['web'], errors: [] } });
  t.same((await call('POST', '/services/api/scale', { replicas: 3 })).json, { service: 'api', replicas: 3 });
  t.match((await call('POST', '/services/api/rollback', { to: null })).json, { ok: /rollback/ });
  t.match((await call('POST', '/services/api/rollback')).json, { ok: /rollback/ }, 'and without a body');
  t.match((await call('POST', '/services/api/redeploy', '')).json, { ok: /redeploy/ });
  t.match((await call('POST', '/services/api/stop')).json, { ok: /stopping/ });
  t.match((await call('POST', '/services/api/start')).json, { ok: /starting/ });
  t.match((await call('DELETE', '/services/api')).json, { ok: /stopping/ });
  t.match((await call('DELETE', '/projects/shop')).json, { ok: /shop/, stopped: ['api'] });
  t.match((await call('GET', '/status?project=shop')).json, {
    cluster_id: 'c0',
    cluster_name: 'c',
    services: [
      { name: 'api', runtime: 'container', desired_replicas: 1, running_replicas: 1, last_failure: null },
    ],
  });
  t.match((await call('GET', '/cluster/info')).json, {
    node_count: 1,
    nodes: [{ node_id: 'n-1', address: '10.0.0.1', drain: false, labels: {} }],
  });
  t.same(
    asked.map(({ name }) => name),
    ['deploy', 'scale', 'rollback', 'rollback', 'redeploy', 'stop', 'start', 'stop', 'stop'],
  );
});

t.test('rm sends purge, rollback takes a version in any form', async (t) => {
  const { call, asked, store } = await anApi(t);
  withService(store);
  await call('DELETE', '/services/shop%2Fapi?purge=true');
  for (const to of ['v3', '3', 3]) await call('POST', '/services/api/rollback?project=shop', { to });
  t.match(asked, [
    { name: 'remove', args: ['shop/api'] },
    ...[1, 2, 3].map(() => ({ name: 'rollback', args: ['shop/api', 3, { by: 'admin', source: 'api' }] })),
  ]);
});

t.test('a name that two projects use must say which', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  store.write((tx) => tx.putService(aService({ key: 'other/api', project: 'other' })));
  t.match(await call('GET', '/services/api/history'), {
    status: 409,
    json: { code: 'SERVICE_AMBIGUOUS', error: /other\/api, shop\/api/ },
  });
  t.match(await call('GET', '/services/api/history?project=shop'), {
    status: 200,
    json: { releases: [{ release: 'v1', stable: true }] },
  });
});

t.test('the log of an allocation whose node is away says so in its place', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const { body } = await call('GET', '/services/api/logs');
  t.match(JSON.parse(body), { allocation: 'shop.api.1', stream: 'stderr', text: /no live session/ });
});

t.test('the last lines of a job are logs of its group when its container is gone', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const job = { allocation: 'shop.api.7', release: 2, exitCode: 0, lines: ['one', 'two'], endedAtMs: 5_000 };
  store.write((tx) => tx.putRollout(aRollout({ id: 'r-2', state: 'succeeded', endedAtMs: 9, job })));
  t.match(JSON.parse((await call('GET', '/services/api/logs?group=job&tail=1')).body), {
    allocation: 'shop.api.7',
    stream: 'stdout',
    text: 'two',
    at: '1970-01-01T00:00:05.000Z',
  });
  t.equal((await call('GET', '/services/api/logs?group=job&since=1m')).body, '');
  t.notMatch((await call('GET', '/services/api/logs')).body, /two/);
  const history = await call('GET', '/services/api/history');
  t.match(history.json, { rollouts: [{ job: { release: 'v2', exit_code: 0 } }, {}] });
  t.notMatch(history.body, /two/, 'logs are no history');
});

t.test('an event stream says what is there and what comes, until the reader goes', async (t) => {
  const { call, store } = await anApi(t);
  const event = { atMs: 1, kind: 'x', service: null, node: null, rollout: null };
  store.write((tx) => tx.addEvent({ ...event, message: 'one' }));
  t.match((await call('GET', '/events')).json, { events: [{ number: 1, message: 'one' }] });
});

t.test('a defect is not shown to the caller, but has a code', async (t) => {
  const { call } = await anApi(t, {
    commands: {
      deploy: () => {
        throw new Error('secret detail');
      },
    },
  });
  const answer = await call('POST', '/deploy', { services });
  t.match(answer, { status: 500, json: { code: 'INTERNAL' } });
  t.notMatch(answer.body, /secret detail/);
});

t.test('a full disk is an error of its own', async (t) => {
  const { call } = await anApi(t, {
    commands: {
      deploy: () => {
        throw new OrcaError('STORE_FULL', 'the store has no room for the change');
      },
    },
  });
  t.match(await call('POST', '/deploy', { services }), { status: 507, json: { code: 'STORE_FULL' } });
});

t.test('the document names every path, and its schemas are those that validate', async (t) => {
  const { call } = await anApi(t);
  const { json } = await call('GET', '/openapi.json');
  const paths = Object.keys((json as { paths: object }).paths);
  for (const path of [
    '/deploy',
    '/status',
    '/services/{name}/scale',
    '/rollouts/{id}',
    '/projects/{name}',
    '/openapi.json',
  ])
    t.ok(paths.includes(path), path);
  t.match(json, {
    openapi: '3.1.0',
    paths: {
      '/services/{name}/scale': {
        post: {
          requestBody: {
            content: { 'application/json': { schema: { properties: { replicas: { type: 'integer' } } } } },
          },
        },
      },
    },
  });
});

t.test('metrics are figures in the text of Prometheus', async (t) => {
  const { call, store } = await anApi(t);
  withService(store);
  const { body } = await call('GET', '/metrics');
  t.match(body, /orca_service_ready\{project="shop",service="api"\} 1/);
  t.match(body, /# TYPE orca_master_resident_bytes gauge/);
});
