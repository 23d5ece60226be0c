import t, { type Test } from 'tap';
import { waitFor } from '../../support/wait-for.js';
import { type FakeApi, startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';
import { aCanary, aFrame, aGroup, anAllocation, aService, aVerdict, ended } from './frames.js';

async function api(t: Test): Promise<FakeApi> {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  return fake;
}

/** A folder with one service, and an API that begins rollout r1 for it. */
async function deploying(t: Test, lines: unknown[]): Promise<{ home: string; cwd: string; api: FakeApi }> {
  const fake = await api(t);
  fake.on('POST /plan', { body: { services: [] } });
  fake.on('POST /deploy', {
    body: { deployed: ['api'], errors: [], rollouts: [{ service: 'api', id: 'r1', change: 'roll' }] },
  });
  fake.on('GET /rollouts/r1', { lines, after: 'hold' });
  const cwd = t.testdir({ 'service.toml': '[[service]]\nname = "api"\nimage = "x:1"\n' });
  return { api: fake, home: fake.home, cwd };
}

const canary = (keys: Parameters<typeof aCanary>[0], rollout: object = {}) =>
  aFrame({ state: 'canary', service: 'api', canary: aCanary(keys), ...rollout });

t.test('a deploy ends with 0 when its canary has its share and waits for a promote', async (t) => {
  const { home, cwd, api } = await deploying(t, [
    canary({ weight_in_force: false }, { reason: 'starts 1 canary' }),
    canary({ waits_for_promote: true }),
  ]);
  const { exit, out } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 0);
  t.match(out, /api {2}v1 → v2 {2}canary to 20 % {2}ready 1\/1 {2}starts 1 canary\n/);
  t.match(out, /ok canary v2 of api gets 20 %; `orca promote api` or `orca rollback api`\n$/);
  await waitFor('the stream to be let go', () => api.open() === 0);
  const { out: json } = await orca(['deploy', '--json'], { home, cwd });
  t.match(JSON.parse(json), { results: [{ state: 'canary', canary: { waits_for_promote: true } }] });
});

t.test('what is said of its share is what is in force', async (t) => {
  const stands = canary({ waits_for_promote: true });
  const dead = aGroup({ weight: 0, wanted_weight: 20, weight_reason: 'none of its copies serves' });
  const groups = { stable: aGroup(), canary: dead };
  const { home, cwd } = await deploying(t, [{ ...stands, service: aService({ groups }) }]);
  const { out } = await orca(['deploy'], { home, cwd });
  t.match(out, /canary to 20 %/);
  t.match(out, /ok canary v2 of api gets 0 % \(to 20 %: none of its copies serves\); `orca promote api`/);
});

t.test('a canary that promotes itself is followed, a line a step with what it was judged by', async (t) => {
  const steps = { steps: [5, 50] };
  const first = aVerdict({ weight: 5 });
  const { home, cwd } = await deploying(t, [
    canary({ ...steps, weight: 5 }),
    canary({ ...steps, step: 1, weight: 50, verdicts: [first] }),
    canary({ ...steps, step: 1, weight: 50, verdicts: [first] }, { reason: 'too few requests' }),
    aFrame({
      ...ended,
      service: 'api',
      canary: aCanary({ ...steps, verdicts: [first, aVerdict({ step: 1, weight: 50 })] }),
    }),
  ]);
  const { exit, out } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 0);
  t.match(out, /canary 5 % \(step 1 of 2\)/);
  t.match(out, /canary 50 % \(step 2 of 2\) {2}ready 1\/1 {2}too few requests/);
  t.equal(out.match(/ api step 1 passed at 5 %: /g)?.length, 1, 'each once');
  t.match(
    out,
    'step 1 passed at 5 %: within all limits; canary 60 requests, 0.5 % errors, p95 21.2 ms; stable 940 requests, 0 % errors, p95 20 ms\n',
  );
  t.match(out, /step 2 passed at 50 %: /);
  t.match(out, /ok api: v2 runs/);
});

t.test('what the analysis takes back ends with 1, the reason and the figures', async (t) => {
  const bad = aVerdict({ result: 'failed', reason: '5 % errors, 1 % are allowed' });
  const failure = {
    reason: 'analysis',
    message: 'canary v2 was taken back: 5 % errors, 1 % are allowed',
    exit_code: null,
    restart_count: 0,
    last_logs: [],
    observed_at: '',
  };
  const { home, cwd } = await deploying(t, [
    aFrame({ ...ended, state: 'failed', service: 'api', failure, canary: aCanary({ verdicts: [bad] }) }),
  ]);
  const { exit, out } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 1);
  t.match(out, /failed api v2: canary v2 was taken back: 5 % errors, 1 % are allowed\n/);
  t.match(out, / failed at 20 %: 5 % errors, 1 % are allowed; canary 60 requests/);
});

t.test('the job before a deploy is shown, with its last lines when it fails', async (t) => {
  const job = (keys: object) => ({
    allocations: [anAllocation({ id: 'shop.api.9', group: 'job', routed: false, ...keys })],
  });
  const { home, cwd } = await deploying(t, [
    aFrame({ state: 'pre_deploy', reason: './migrate runs' }, job({ state: 'ready' })),
    aFrame(
      { ...ended, state: 'failed', reason: './migrate exited with 3' },
      job({ state: 'exited', reason: 'exited with 3', exit_code: 3, last_logs: ['no such table'] }),
    ),
  ]);
  const { exit, out } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 1);
  t.match(out, /pre deploy {2}\.\/migrate runs\n {2}api\.9 {2}v2 {2}job {2}node-1 {2}runs\n/);
  t.match(out, /api\.9 {2}v2 {2}job {2}node-1 {2}exited with 3\n/);
  t.match(out, /its last log lines:\n +no such table\n/);
  t.match(
    (
      await orca(['deploy'], {
        ...(await deploying(t, [aFrame(ended, job({ state: 'exited', exit_code: 0 }))])),
      })
    ).out,
    /job {2}node-1 {2}done/,
  );
});

t.test('promote follows until the canary is stable', async (t) => {
  const fake = await api(t);
  fake.on('POST /services/api/promote', { body: { ok: 'api: promote begun', rollout: 'r1' } });
  fake.on('GET /rollouts/r1', {
    lines: [aFrame({ state: 'promoting', canary: aCanary({ promoted: true }) }), aFrame({ ...ended })],
  });
  const { exit, out } = await orca(['promote', 'api'], fake);
  t.equal(exit, 0);
  t.match(out, /^api: promote begun\n[\s\S]*promoting[\s\S]*ok shop\/api: v2 runs/);
  t.match(fake.asked[0], { body: {}, query: {} });
  t.same(await orca(['promote', 'api', '--detach'], fake), { exit: 0, out: 'api: promote begun\n', err: '' });
  fake.on('GET /rollouts/r1', { lines: [canary({ waits_for_promote: true })], after: 'hold' });
  t.equal((await orca(['promote', 'api'], fake)).exit, 1, 'a canary that stands again was not promoted');
});

t.test('promote --weight returns when the weight is in force', async (t) => {
  const fake = await api(t);
  fake.on('POST /services/api/promote', { body: { ok: 'api: the canary is to get 50 %', rollout: 'r1' } });
  fake.on('GET /rollouts/r1', {
    lines: [
      canary({ weight: 20 }),
      canary({ weight: 50, weight_in_force: false }),
      canary({ weight: 50, waits_for_promote: true }),
    ],
    after: 'hold',
  });
  const { exit, out } = await orca(['promote', 'api', '--weight', '50'], fake);
  t.equal(exit, 0);
  t.match(out, /canary to 50 %[\s\S]*ok canary v2 of api gets 50 %/);
  t.same(fake.asked[0]?.body, { weight: 50 });
  fake.on('GET /rollouts/r1', { lines: [aFrame({ ...ended, state: 'superseded' })] });
  t.equal((await orca(['promote', 'api', '--weight', '50'], fake)).exit, 1);
  for (const weight of [
    '101',
    '2.5',
    'half',
    '',
    '050',
    '00',
    '5e1',
    '+5',
    ' 5',
    '5 ',
    '0x5',
    '-5',
    '100.0',
  ]) {
    const refused = await orca(['promote', 'api', '--weight', weight], fake);
    t.equal(refused.exit, 2, weight);
    t.match(refused.err, /--weight must be a whole number from 0 to 100/);
  }
});

t.test('a promote that is refused keeps the reason of the master', async (t) => {
  const fake = await api(t);
  const body = { error: 'api has no canary', code: 'NOTHING_TO_PROMOTE', hint: 'Deploy one.' };
  fake.on('POST /services/api/promote', { status: 409, body });
  const refused = await orca(['promote', 'api'], fake);
  t.same(refused, { exit: 1, out: '', err: 'error: api has no canary\nhint: Deploy one.\n' });
});

t.test('a rollback of a canary ends with 0 when it was taken away', async (t) => {
  const fake = await api(t);
  fake.on('POST /services/api/rollback', { body: { ok: 'api: rollback begun', rollout: 'r1' } });
  const act = { verb: 'rollback', detail: '', by: 'ann', source: 'cli', at: ended.ended_at } as const;
  for (const state of ['superseded', 'failed'] as const) {
    fake.on('GET /rollouts/r1', { lines: [aFrame({ ...ended, state, acts: [act] }, { release: 'v1' })] });
    const { exit, out } = await orca(['rollback', 'api'], fake);
    t.equal(exit, 0);
    t.match(out, /taken back shop\/api v2: v1 serves\n$/);
  }
  fake.on('GET /rollouts/r1', { lines: [aFrame({ ...ended, state: 'superseded' })] });
  t.equal((await orca(['rollback', 'api'], fake)).exit, 1, 'somebody else took its place');
});

t.test('--dry-run of promote and rollback prints the plan and follows nothing', async (t) => {
  const fake = await api(t);
  const plan = {
    service: 'api',
    action: 'roll',
    changes: ['release: v1 → v2'],
    steps: ['canary grows to 3'],
    error: null,
    code: null,
    hint: null,
  };
  for (const argv of [
    ['promote', 'api'],
    ['promote', 'api', '--weight', '5'],
    ['rollback', 'api'],
  ]) {
    fake.on(`POST /services/api/${argv[0]}`, { body: { services: [plan] } });
    const { exit, out } = await orca([...argv, '--dry-run'], fake);
    t.equal(exit, 0);
    t.match(out, /~ roll +api\n +release: v1 → v2\n +canary grows to 3\n/);
    t.same(fake.asked.at(-1)?.query, { dry_run: 'true' });
  }
  const refused = { ...plan, action: 'refused', error: 'no canary', code: 'NOTHING_TO_PROMOTE', hint: 'x' };
  fake.on('POST /services/api/promote', { body: { services: [refused] } });
  const { exit, err } = await orca(['promote', 'api', '--dry-run'], fake);
  t.equal(exit, 1);
  t.equal(err, 'error: api: no canary\nhint: x\n');
});

t.test('a rollout is held and goes on, a service goes into maintenance: one call each', async (t) => {
  const fake = await api(t);
  const calls: [string[], string, object][] = [
    [['rollout', 'pause', 'api'], 'pause', {}],
    [['rollout', 'resume', 'api', '--project', 'shop'], 'resume', {}],
    [['maintenance', 'on', 'api'], 'maintenance', { on: true }],
    [
      ['maintenance', 'on', 'api', '--message', 'back at noon'],
      'maintenance',
      { on: true, message: 'back at noon' },
    ],
    [['maintenance', 'off', 'api'], 'maintenance', { on: false }],
  ];
  for (const [argv, verb, body] of calls) {
    const name = argv.includes('--project') ? 'shop%2Fapi' : 'api';
    fake.on(`POST /services/${name}/${verb}`, { body: { ok: `done: ${verb}` } });
    t.same(await orca(argv, fake), { exit: 0, out: `done: ${verb}\n`, err: '' });
    t.same(fake.asked.at(-1)?.body, body);
  }
  const asked = fake.asked.length;
  for (const argv of [
    ['rollout', 'stop', 'api'],
    ['rollout', 'pause'],
    ['maintenance', 'maybe', 'api'],
    ['maintenance', 'off', 'api', '--message', 'x'],
  ])
    t.equal((await orca(argv, fake)).exit, 2, argv.join(' '));
  t.equal(fake.asked.length, asked, 'and nothing was asked');
});
