import t, { type Test } from 'tap';
import { type FakeApi, startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';
import { aCanary, aGroup, aRollout, aService, aStatus, aVerdict, ended } from './frames.js';

async function api(t: Test): Promise<FakeApi> {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  return fake;
}

const at = '2026-01-31T12:00:00Z';
const traffic = {
  requests: 1_200,
  error_rate: 0.125,
  p50_ms: 3.24,
  p95_ms: 12,
  p99_ms: 40.5,
  status: { '1xx': 0, '2xx': 1_199, '3xx': 0, '4xx': 0, '5xx': 1 },
};

t.test('status shows both groups, their traffic, the step and its last verdict', async (t) => {
  const fake = await api(t);
  const rollout = aRollout({
    state: 'canary',
    reason: 'step 2 of 3',
    canary: aCanary({ steps: [5, 25, 50], step: 1, weight: 25, verdicts: [aVerdict({ weight: 5 })] }),
  });
  const groups = {
    stable: aGroup({ release: 'v1', weight: 95, wanted_weight: 75, ready: 3, wanted: 3, traffic }),
    canary: aGroup({ weight: 5, wanted_weight: 25, weight_reason: 'the ingress on one has not said so yet' }),
  };
  const service = aService({ status: 'deploying', release: 'v1', rollout, groups });
  fake.on('GET /status', { body: aStatus({ services: [service] }) });
  t.match((await orca(['status'], fake)).out, /shop +api +deploying +v1 \+ v2 \(5 %\) +1\/1/);
  const { out } = await orca(['status', 'api'], fake);
  for (const text of [
    /stable +v1, weight 95 % \(to 75 %\), ready 3\/3\n +1200 requests, 0\.125 % errors, p50 3\.24 ms, p95 12 ms, p99 40\.5 ms\n/,
    /canary +v2, weight 5 % \(to 25 %: the ingress on one has not said so yet\), ready 1\/1\n/,
    /rollout +r1 canary: step 2 of 3\n/,
    /step +to 25 % \(step 2 of 3\)\n/,
    /verdict +passed at 5 %: within all limits; canary 60 requests/,
  ])
    t.match(out, text);
  const waiting = { ...rollout, canary: aCanary({ weight: 5, waits_for_promote: true }) };
  fake.on('GET /status', { body: aStatus({ services: [{ ...service, rollout: waiting }] }) });
  t.match((await orca(['status', 'api'], fake)).out, /step +5 %; waits for `orca promote api`\n/);
});

t.test('status says what is held, by whom and since when', async (t) => {
  const fake = await api(t);
  const rollout = aRollout({ state: 'canary', paused: { by: 'ann', at }, canary: aCanary() });
  const maintenance = { message: 'back at noon', by: 'bob', since: at };
  fake.on('GET /status', {
    body: aStatus({ services: [aService({ status: 'paused', reason: 'held', rollout, maintenance })] }),
  });
  const { out } = await orca(['status', 'api'], fake);
  t.match(out, /shop\/api {2}paused {2}in maintenance for \d+[dhms][^:]* by bob: back at noon\n/);
  t.match((await orca(['status'], fake)).out, /in maintenance for \d+[dhms][^:]* by bob: back at noon\n/);
  t.match(out, /held +maintenance by bob for \d+[dhms][^:]*: back at noon\n/);
  t.match(out, /held +rollout r1 by ann for \d+[dhms][^:]*\n/);
  fake.on('GET /status', {
    body: aStatus({ services: [aService({ rollout: { ...rollout, ...ended } })] }),
  });
  t.notMatch((await orca(['status', 'api'], fake)).out, /held/, 'an ended rollout is held no more');
});

t.test('what failed before is not shown while something newer is under way', async (t) => {
  const fake = await api(t);
  const failure = (message: string) => ({
    ...{ reason: 'x', message, exit_code: 1, restart_count: 0, last_logs: [], observed_at: at },
  });
  const shows = async (rollout: Parameters<typeof aRollout>[0]): Promise<string> => {
    const service = aService({ rollout: aRollout(rollout), last_failure: failure('v2 exited') });
    fake.on('GET /status', { body: aStatus({ services: [service] }) });
    return (await orca(['status', 'api'], fake)).out;
  };
  t.match(await shows({ ...ended, state: 'failed' }), /failed +v2 exited/);
  t.notMatch(await shows({ state: 'canary', canary: aCanary() }), /v2 exited/);
  t.match(await shows({ state: 'rolling_back', failure: failure('v3 exited') }), /failed +v3 exited/);
});

t.test('history shows who, when, from what, the result and why; then what was done and judged', async (t) => {
  const fake = await api(t);
  const acts = [
    { verb: 'weight', detail: '20 → 50 %', by: 'ann', source: 'cli', at: '2026-01-31T12:05:00Z' },
    { verb: 'promote', detail: '', by: 'ci', source: 'webhook', at: '2026-01-31T12:09:00Z' },
  ] as const;
  const canary = aCanary({ verdicts: [aVerdict({ to: '2026-01-31T12:07:00Z' })] });
  const rollouts = [
    aRollout({ ...ended, id: 'r2', reason: 'v2 is stable', acts: [...acts], canary }),
    aRollout({ ...ended, id: 'r1', kind: 'rollback', source: 'webhook', by: 'ci' }),
    aRollout({ id: 'r0', kind: 'rollback', takes_back: 'v3', from: 'v2', release: 'v2' }),
    aRollout({ id: 'r-1', kind: 'deploy', takes_back: 'v3', from: 'v2', release: null }),
    aRollout({ id: 'r-2', kind: 'deploy', takes_back: 'v3', from: 'v2', release: 'v4' }),
    aRollout({ id: 'r-3', kind: 'deploy', from: null, release: 'v1' }),
    aRollout({ id: 'r-4', kind: 'deploy', from: 'v1', release: null }),
    aRollout({ id: 'r-5', kind: 'deploy', from: 'v6', release: 'v6' }),
    aRollout({
      id: 'r-6',
      job: { release: 'v2', exit_code: 0, stopped: null, ended_at: '2026-01-31T12:05:00Z' },
    }),
    aRollout({
      id: 'r-7',
      kind: 'rollback',
      from: 'v1',
      release: 'v1',
      job: { release: 'v2', exit_code: 137, stopped: 'was not done', ended_at: '2026-01-31T12:05:00Z' },
    }),
  ];
  fake.on('GET /services/api/history', { body: { service: 'api', releases: [], rollouts } });
  const { exit, out } = await orca(['history', 'api'], fake);
  t.equal(exit, 0);
  t.match(out, /ROLLOUT +KIND +CHANGE +STATE +STARTED +ENDED +BY +FROM +REASON/);
  t.match(out, /r2 +deploy +v1 → v2 +succeeded +\S+ \S+ +\S+ \S+ +admin +cli +v2 is stable\n/);
  t.match(out, /r1 +rollback +v1 → v2 +succeeded +\S+ \S+ +\S+ \S+ +ci +webhook\n/);
  t.match(out, /r0 +rollback +v3 \(canary\) → v2 +/);
  t.match(out, /r-1 +deploy +v3 \(canary\) → v2 +/);
  t.match(out, /r-2 +deploy +v2 \+ v3 \(canary\) → v4 +/);
  t.match(out, /r-3 +deploy +– → v1 +/);
  t.match(out, /r-4 +deploy +v1 → – +/);
  t.match(out, /r-5 +deploy +v6 in place +/);
  t.match(
    out,
    /\nr2\n[^\n]+ ann \(cli\) {2}weight 20 → 50 %\n[^\n]+ analysis {2}step 1 passed at 20 %: [^\n]+\n[^\n]+ ci \(webhook\) {2}promote\n/,
  );
  t.match(out, /r-7 +rollback +back to v1 +/);
  t.match(out, /\nr-7\n[^\n]+ pre_deploy {2}its job for v2 was not done; `orca logs/);
  t.match(out, /\nr-6\n[^\n]+ pre_deploy {2}its job for v2 exited with 0; `orca logs api --group job` shows/);
});

t.test('a long life is shown by its newest lines', async (t) => {
  const fake = await api(t);
  const canary = aCanary({ verdicts: Array.from({ length: 30 }, () => aVerdict()) });
  fake.on('GET /services/api/history', {
    body: { service: 'api', releases: [], rollouts: [aRollout({ canary })] },
  });
  const { out } = await orca(['history', 'api'], fake);
  t.match(out, /… 10 earlier with --json/);
  t.equal(out.match(/ analysis /g)?.length, 20);
});

t.test('completions know the choices of a command', async (t) => {
  const home = t.testdir();
  t.match((await orca(['completions', 'bash'], { home })).out, /rollout\) words="pause resume --project/);
  t.match((await orca(['completions', 'zsh'], { home })).out, /maintenance\) compadd -- on off --message/);
  t.match(
    (await orca(['completions', 'fish'], { home })).out,
    "'__fish_seen_subcommand_from rollout' -a resume\n",
  );
});
