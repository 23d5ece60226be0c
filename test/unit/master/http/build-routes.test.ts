import t from 'tap';
import { recordBuilds } from '../../../../master/dispatch/build-reports.js';
import type { BuildObserved } from '../../../../shared/build.js';
import { aNode, aRollout, aService } from '../../../support/a-model.js';
import { anApi } from '../../../support/an-api.js';

const build = {
  repo: 'git@h:r',
  branch: 'main',
  dockerfile: 'D',
  context: '.',
  deployKey: null,
  paths: [],
  args: {},
};
const spec = { ...aService().spec, build };
const observed: BuildObserved = {
  ...{
    state: 'failed',
    reason: 'make: no rule',
    commit: 'c'.repeat(40),
    author: 'Alice',
    subject: 'Mend',
    tag: 'orca-build/x:1',
  },
  ...{ startedAtMs: 2_000, endedAtMs: 5_000, sizeBytes: null, lastLogs: ['one', 'two'] },
};
const image = {
  id: 'r-1',
  state: 'failed' as const,
  percent: null,
  imageId: null,
  digest: null,
  reason: null,
};

async function withBuild(t: Parameters<typeof anApi>[0], more: Parameters<typeof anApi>[1] = {}) {
  const api = await anApi(t, more);
  api.store.write((tx) => {
    tx.putNode(aNode());
    tx.putService(aService({ spec }));
    tx.putRollout(aRollout({ id: 'r-1', state: 'preparing', endedAtMs: null, node: 'n-1', spec }));
  });
  const end = () => api.store.write((tx) => recordBuilds(tx, 'n-1', [{ ...image, build: observed }], 1));
  return { ...api, end };
}

t.test('builds are listed with who, what, where and how long, of all or of one service', async (t) => {
  const { call, end } = await withBuild(t);
  end();
  const expected = {
    ...{
      id: 'b-1',
      service: 'api',
      project: 'shop',
      state: 'failed',
      reason: 'make: no rule',
      author: 'Alice',
    },
    ...{ duration_ms: 3_000, ended_at: '1970-01-01T00:00:05.000Z', last_logs: ['one', 'two'] },
  };
  t.match((await call('GET', '/builds')).json, { builds: [expected] });
  t.match((await call('GET', '/builds?service=api')).json, { builds: [expected] });
  t.match((await call('GET', '/builds/b-1')).json, expected);
  t.match(await call('GET', '/builds?service=none'), { status: 404, json: { code: 'SERVICE_NOT_FOUND' } });
  t.match(await call('GET', '/builds/b-9'), {
    status: 404,
    json: { code: 'NOT_FOUND', hint: /orca builds/ },
  });
});

t.test('the log is the node’s; of one that is away, what is kept of it', async (t) => {
  const asked: unknown[] = [];
  async function* lines() {
    yield [{ atMs: 1_000, stream: 'stdout' as const, text: 'Step 1/2' }];
  }
  const openLogs = (node: string, request: object) => {
    asked.push({ node, ...request });
    return lines();
  };
  const there = await withBuild(t, { live: { openLogs } as never });
  t.match((await there.call('GET', '/builds/b-1/logs')).body, /it has not begun/);
  there.end();
  t.match((await there.call('GET', '/builds/b-1/logs?tail=5')).body, /"text":"Step 1\/2"/);
  t.match(asked, [{ node: 'n-1', allocation: 'build:b-1', tail: 5, follow: false }]);
  const away = await withBuild(t);
  away.end();
  t.match(
    (await away.call('GET', '/builds/b-1/logs')).body,
    /"one".*\n.*"two".*\n.*no live session; its log is kept there/,
  );
});

t.test('a viewer looks; a build is cancelled by who may deploy', async (t) => {
  const { call, asked } = await withBuild(t);
  t.equal((await call('GET', '/builds', undefined, 'look')).status, 200);
  t.equal((await call('POST', '/builds/b-1/cancel', undefined, 'look')).status, 403);
  t.equal((await call('POST', '/cleanup', {}, 'look')).status, 403);
  t.equal((await call('POST', '/keys/deploy', { service: 'api' }, 'look')).status, 403);
  t.match(await call('POST', '/builds/b-1/cancel'), { status: 200, json: { ok: /b-1 is cancelled/ } });
  t.match(asked, [{ name: 'cancelBuild', args: ['shop/api', 'b-1'] }]);
});

t.test('a deploy key is made once, its private half is a secret and in no answer', async (t) => {
  const { call, store } = await withBuild(t);
  const made = await call('POST', '/keys/deploy', { service: 'api' });
  t.match(made, {
    status: 201,
    json: { project: 'shop', secret: 'api_deploy_key', public_key: /^ssh-ed25519 \S+ orca-shop-api$/ },
  });
  t.notMatch(made.body, /PRIVATE/);
  t.ok(store.secret('shop/api_deploy_key'));
  t.match(await call('POST', '/keys/deploy', { service: 'shop/api' }), {
    status: 409,
    json: { hint: /--replace/ },
  });
  t.equal((await call('POST', '/keys/deploy', { service: 'api', replace: true })).status, 201);
  t.equal(store.secret('shop/api_deploy_key')?.values.length, 1, 'nothing needs the one before');
  t.match((await call('POST', '/keys/deploy', { service: 'not-there' })).json, {
    project: 'default',
    secret: 'not_there_deploy_key',
  });
  for (const service of ['-x', 'a b', '../x', ''])
    t.match(
      await call('POST', '/keys/deploy', { service }),
      { status: 400, json: { code: 'BODY_INVALID' } },
      service,
    );
});
