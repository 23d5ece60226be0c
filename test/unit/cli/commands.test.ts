import t, { type Test } from 'tap';
import { waitFor } from '../../support/wait-for.js';
import { type FakeApi, startFakeApi } from './fake-api.js';
import { orca, start } from './fake-io.js';
import { aFrame, aNode, anAllocation, aRollout, aService, aStatus, ended } from './frames.js';

async function api(t: Test): Promise<FakeApi> {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  return fake;
}

t.test('status shows services and nodes, and --json the API as it is', async (t) => {
  const fake = await api(t);
  const reply = aStatus({
    services: [aService({ status: 'degraded', reason: 'api.2 exited \x1b[2J\x07with 1' })],
    nodes: [aNode({ state: 'unreachable', reason: 'silent' })],
  });
  fake.on('GET /status', { body: reply });
  const { exit, out } = await orca(['status'], fake);
  t.equal(exit, 0);
  t.match(out, /PROJECT +SERVICE +STATUS +RELEASE +READY/);
  t.match(out, /shop +api +degraded +v2 +1\/1 +nginx:1 +https:\/\/a\.com +api\.2 exited with 1/);
  t.match(out, /node-1 +unreachable/);
  t.notMatch(out, '\x1b');
  t.notMatch(out, '\x07');
  t.same(JSON.parse((await orca(['status', '--json'], fake)).out), reply);
  await orca(['status', '--project', 'shop'], fake);
  t.same(fake.asked.at(-1)?.query, { project: 'shop' });
});

t.test('status of one service shows its allocations, its rollout and its last failure', async (t) => {
  const fake = await api(t);
  const failure = {
    reason: 'exited',
    message: 'exited with 1',
    exit_code: 1,
    restart_count: 3,
    last_logs: ['no database'],
    observed_at: '2026-01-31T12:00:00Z',
  };
  const service = aService({
    rollout: aRollout({ ...ended, state: 'failed', reason: 'v1 goes on serving' }),
    last_failure: failure,
    allocations: [anAllocation({ state: 'starting', reason: 'next start 4 s after that', restarts: 2 })],
  });
  fake.on('GET /status', { body: aStatus({ services: [service, aService({ name: 'db' })] }) });
  const { exit, out } = await orca(['status', 'api'], fake);
  t.equal(exit, 0);
  for (const text of [
    /rollout +r1 failed: v1 goes on serving/,
    /exited with 1/,
    /no database/,
    /api\.1 +v2 +stable +node-1/,
    /starting: next start 4 s after that, 2 restarts/,
  ])
    t.match(out, text);
  t.equal(JSON.parse((await orca(['status', 'api', '--json'], fake)).out).services.length, 1);
  const gone = await orca(['status', 'nope'], fake);
  t.equal(gone.exit, 1);
  t.match(gone.err, /error: there is no service "nope"/);
});

t.test('status shows pushes that wait, and what is being built', async (t) => {
  const fake = await api(t);
  const pending = [
    { kind: 'build' as const, id: 'b-1', commit: 'c'.repeat(40), reason: 'building: step 2/3' },
    { kind: 'push' as const, id: 'd-1', commit: 'd'.repeat(40), reason: 'waits a moment' },
  ];
  fake.on('GET /status', { body: aStatus({ services: [aService({ pending })] }) });
  t.match((await orca(['status'], fake)).out, /push ddddddd waits a moment \(d-1\)/);
  const { out } = await orca(['status', 'api'], fake);
  t.match(out, /build +ccccccc building: step 2\/3 \(b-1\)\n +push +ddddddd waits a moment \(d-1\)/);
});

t.test('status of a project that is not there names those that are', async (t) => {
  const fake = await api(t);
  fake.on('GET /status', { body: aStatus({ services: [] }) }, { body: aStatus() });
  const { exit, err } = await orca(['status', '--project', 'nope'], fake);
  t.equal(exit, 1);
  t.match(err, /error: there is no project "nope"; there are: shop/);
  const none = await api(t);
  none.on('GET /status', { body: aStatus({ services: [] }) });
  const first = await orca(['status', '--project', 'nope'], none);
  t.equal(first.exit, 1);
  t.match(first.err, /error: there is no project "nope"; there are no services yet/);
});

t.test('status --watch prints again what changed, until Ctrl-C', async (t) => {
  const fake = await api(t);
  fake.on(
    'GET /status',
    { body: aStatus() },
    { body: aStatus({ services: [aService({ status: 'failed' })] }) },
  );
  const running = start(['status', '--watch'], fake);
  await waitFor('the change', () => running.out().includes('failed'));
  running.interrupt();
  t.equal(await running.exit, 0);
});

t.test('history shows releases and rollouts', async (t) => {
  const fake = await api(t);
  const release = {
    release: 'v2',
    image: 'nginx:1',
    digest: `sha256:${'a'.repeat(64)}`,
    created_at: '2026-01-31T12:00:00Z',
    stable: true,
  };
  fake.on('GET /services/shop%2Fapi/history', {
    body: { service: 'api', releases: [release], rollouts: [aRollout({ ...ended })] },
  });
  const { exit, out } = await orca(['history', 'api', '--project', 'shop'], fake);
  t.equal(exit, 0);
  t.match(out, /v2 +nginx:1 +sha256:aaaaaaaaaaaa +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +stable/);
  t.match(out, /r1 +deploy +v1 → v2 +succeeded/);
});

t.test('each change is one call, with its answer printed', async (t) => {
  const fake = await api(t);
  const calls: [string[], string, FakeApi['asked'][number]['body'], Record<string, string>][] = [
    [['stop', 'api'], 'POST /services/api/stop', {}, {}],
    [['start', 'api'], 'POST /services/api/start', {}, {}],
    [['promote', 'api', '--weight', '50'], 'POST /services/api/promote', { weight: 50 }, {}],
    [['rm', 'api'], 'DELETE /services/api', null, { purge: 'true' }],
    [['reload'], 'POST /reload', {}, {}],
  ];
  for (const [argv, route, body, query] of calls) {
    fake.on(route, { body: { ok: `done: ${route}` } });
    const { exit, out } = await orca(argv, fake);
    t.equal(exit, 0);
    t.equal(out, `done: ${route}\n`);
    t.match(fake.asked.at(-1), { body, query });
  }
  fake.on('POST /services/api/scale', { body: { service: 'api', replicas: 3 } });
  t.match((await orca(['scale', 'api', '3'], fake)).out, /^api: 3 wanted/);
  t.same(fake.asked.at(-1)?.body, { replicas: 3 });
});

t.test('rollback and redeploy follow the rollout that they began', async (t) => {
  const fake = await api(t);
  fake.on('POST /services/api/rollback', { body: { ok: 'rollback begun', rollout: 'r1' } });
  fake.on('POST /services/api/redeploy', { body: { ok: 'redeploy begun', rollout: 'r1' } });
  fake.on('GET /rollouts/r1', { lines: [aFrame({ ...ended, kind: 'rollback' })] });
  const { exit, out } = await orca(['rollback', 'api', '--to', '2'], fake);
  t.equal(exit, 0);
  t.match(out, /rollback begun[\s\S]*ok shop\/api: v2 runs/);
  t.same(fake.asked.find(({ path }) => path.endsWith('/rollback'))?.body, { to: 'v2' });
  t.match((await orca(['redeploy', 'api'], fake)).out, /v2 runs/);
  fake.on('POST /services/api/rollback', { body: { ok: 'that release is what runs', rollout: null } });
  t.same(await orca(['rollback', 'api'], fake), { exit: 0, out: 'that release is what runs\n', err: '' });
});

t.test('logs prints each line with its allocation, cleaned; --json as it came', async (t) => {
  const fake = await api(t);
  const line = {
    at: '2026-01-31T12:00:00Z',
    allocation: 'shop.api.2',
    stream: 'stdout',
    text: 'hello \x1b[31mred\x1b[0m\r',
  };
  fake.on('GET /services/api/logs', { lines: [line] });
  t.same(await orca(['logs', 'api', '--tail', '5'], fake), { exit: 0, out: 'api.2  hello red\n', err: '' });
  t.same(fake.asked.at(-1)?.query, { tail: '5' });
  t.same(JSON.parse((await orca(['logs', 'api', '--json'], fake)).out), line);
  await orca(['logs', 'api', '--group', 'canary'], fake);
  t.same(fake.asked.at(-1)?.query, { group: 'canary' });
  await orca(['logs', 'api', '--since', '10m'], fake);
  t.match(fake.asked.at(-1)?.query.since, /^\d{4}-.*Z$/);
  for (const argv of [
    ['--tail', 'x'],
    ['--since', 'x'],
    ['--group', 'x'],
  ])
    t.equal((await orca(['logs', 'api', ...argv], fake)).exit, 2);
});

t.test(
  'following logs and events goes on after a cut, repeats nothing, and Ctrl-C ends it with 0',
  async (t) => {
    const fake = await api(t);
    const log = (second: number, text: string) => ({
      at: `2026-01-31T12:00:0${second}Z`,
      allocation: 'shop.api.2',
      stream: 'stdout',
      text,
    });
    fake.on(
      'GET /services/api/logs',
      { lines: [log(1, 'one'), log(2, 'two')], after: 'cut' },
      { lines: [log(2, 'two'), log(3, 'three')], after: 'hold' },
    );
    const logs = start(['logs', 'api', '-f'], fake);
    await waitFor('the third line', () => logs.out().includes('three'));
    logs.interrupt();
    t.equal(await logs.exit, 0);
    t.equal(logs.out(), 'api.2  one\napi.2  two\napi.2  three\n');
    t.match(fake.asked.at(-1)?.query, { follow: 'true', since: '2026-01-31T12:00:02Z' });

    const event = (number: number) => ({
      number,
      at: '2026-01-31T12:00:00Z',
      kind: 'rollout',
      service: 'shop/api',
      node: null,
      rollout: null,
      message: `event ${number}.`,
    });
    fake.on(
      'GET /events',
      { lines: [event(1)], after: 'cut' },
      { lines: [event(1), event(2)], after: 'hold' },
    );
    const events = start(['events', '-f'], fake);
    await waitFor('the second event', () => events.out().includes('event 2.'));
    events.interrupt();
    t.equal(await events.exit, 0);
    t.equal(events.out().match(/event 1\./g)?.length, 1);
    fake.on('GET /events', { body: { events: [event(7)] } });
    t.match((await orca(['events'], fake)).out, /rollout {2}shop\/api {2}event 7\./);
  },
);

t.test('nodes lists them, and cordons one by its exact name', async (t) => {
  const fake = await api(t);
  fake.on('GET /cluster/info', {
    body: {
      cluster_id: 'c0',
      cluster_name: 'c',
      domain: null,
      acme_email: null,
      version: '1',
      node_count: 1,
      nodes: [aNode()],
    },
  });
  fake.on('POST /cluster/nodes/n-1/cordon', { body: { ok: 'cordoned' } });
  t.match((await orca(['nodes'], fake)).out, /node-1 +ready +10\.0\.0\.1/);
  t.same(await orca(['nodes', 'cordon', 'node-1'], fake), { exit: 0, out: 'cordoned\n', err: '' });
  t.equal((await orca(['nodes', 'cordon', 'node'], fake)).exit, 1);
  t.equal((await orca(['nodes', 'cordon'], fake)).exit, 2);
  t.equal((await orca(['nodes', 'dance', 'node-1'], fake)).exit, 2);
});

t.test('doctor says that the master can store nothing', async (t) => {
  const fake = await api(t);
  const reason = 'the disk of the Orca home is full';
  fake.on('GET /health', { body: { status: 'degraded', reason } });
  fake.on('GET /cluster/info', { body: { nodes: [aNode({})] } });
  const { exit, out } = await orca(['doctor'], fake);
  t.equal(exit, 1);
  t.match(out, /bad +store +the disk of the Orca home is full\n +Free space on the disk/);
});

t.test('doctor says what is bad and what to do, and ends with 1', async (t) => {
  const fake = await api(t);
  fake.on('GET /health', { body: { status: 'ok' } });
  fake.on('GET /cluster/info', { body: { nodes: [aNode({ state: 'degraded', reason: 'Docker is down' })] } });
  const { exit, out } = await orca(['doctor'], {
    ...fake,
    env: { ORCA_DOCKER: 'unix:///nowhere/docker.sock', PATH: '/nowhere' },
  });
  t.equal(exit, 1);
  t.match(out, /ok +master +https:\/\/127\.0\.0\.1/);
  t.match(out, /ok +token/);
  t.match(out, /bad +agent +node-1 is degraded: Docker is down/);
  t.match(out, /bad +docker +no answer at \/nowhere\/docker\.sock[^\n]*\n +start Docker/);
  t.match(out, /bad +caddy [^\n]*\n +install Caddy/);
  const { checks } = JSON.parse((await orca(['doctor', '--json'], fake)).out) as {
    checks: { name: string }[];
  };
  t.ok(
    ['home', 'token', 'master', 'agent', 'docker', 'caddy', 'disk'].every((name) =>
      checks.some((one) => one.name === name),
    ),
  );
});
