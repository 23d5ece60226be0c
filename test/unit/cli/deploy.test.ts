import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { waitFor } from '../../support/wait-for.js';
import { type FakeApi, startFakeApi } from './fake-api.js';
import { orca, start } from './fake-io.js';
import { aFrame, anAllocation, ended } from './frames.js';

const file =
  '[[service]]\nname = "api"\nimage = "nginx:1"\nport = 80\n[[service]]\nname = "db"\nimage = "pg:1"\n';

async function shop(t: Test, text = file): Promise<{ api: FakeApi; cwd: string; home: string }> {
  const api = await startFakeApi();
  t.teardown(() => api.stop());
  const cwd = t.testdir({ services: { shop: { 'service.toml': text } }, deep: { deeper: {} } });
  api.on('POST /plan', {
    body: {
      services: [
        {
          service: 'api',
          action: 'roll',
          changes: ['image: nginx:1 → nginx:2'],
          steps: ['start-first, 1 at a time'],
          error: null,
        },
      ],
    },
  });
  api.on('POST /deploy', {
    body: { deployed: ['api'], errors: [], rollouts: [{ service: 'api', id: 'r1', change: 'rolling' }] },
  });
  return { api, cwd, home: api.home };
}

t.test('shows the plan, follows the rollout and ends with 0', async (t) => {
  const { api, cwd, home } = await shop(t);
  api.on('GET /rollouts/r1', {
    lines: [
      aFrame({ state: 'preparing', release: null, reason: 'pulling nginx:2' }),
      aFrame(
        {},
        {
          allocations: [
            anAllocation({ id: 'shop.api.2', state: 'pulling', reason: 'pulling 43 %', routed: false }),
          ],
        },
      ),
      aFrame(
        {},
        { allocations: [anAllocation({ id: 'shop.api.1', release: 'v1', state: 'draining', in_flight: 5 })] },
      ),
      aFrame(ended),
    ],
  });
  const { exit, out, err } = await orca(['deploy'], { home, cwd: join(cwd, 'deep', 'deeper') });
  t.equal(exit, 0);
  t.equal(err, '');
  t.match(out, /~ roll +api\n +image: nginx:1 → nginx:2\n +start-first/);
  t.match(out, /preparing {2}pulling nginx:2/);
  t.match(out, /api\.2 {2}v2 {2}node-1 {2}pulling 43 %/);
  t.match(out, /draining, 5 requests in flight/);
  t.match(out, /ok shop\/api: v2 runs \(1\/1 ready\) after 7s {2}https:\/\/a\.com\n$/);
  t.notMatch(out, '\x1b', 'no colour or cursor codes but on a terminal');
  const deploy = api.asked.find(({ path }) => path === '/deploy');
  t.match(deploy, {
    token: 'the-token',
    body: { services: [{ name: 'api', port: 80, project: 'shop' }, { name: 'db' }] },
  });
});

t.test('only the services that are named are sent', async (t) => {
  const { api, cwd, home } = await shop(t);
  api.on('GET /rollouts/r1', { lines: [aFrame(ended)] });
  t.equal((await orca(['deploy', 'shop/db'], { home, cwd })).exit, 0);
  const sent = api.asked.find(({ path }) => path === '/deploy')?.body as { services: { name: string }[] };
  t.same(
    sent.services.map(({ name }) => name),
    ['db'],
  );
  const { exit, err } = await orca(['deploy', 'nope'], { home, cwd });
  t.equal(exit, 2);
  t.match(err, /^error: no service "nope" in these files; they have: api, db\nhint: /);
});

t.test('a failed rollout ends with 1, its reason, exit code, last lines and what to do', async (t) => {
  const { api, cwd, home } = await shop(t);
  const failure = {
    reason: 'exited',
    message: 'exited with 3 after 0.2 s',
    exit_code: 3,
    restart_count: 0,
    last_logs: ['starting', 'boom \x1b[31mred\x1b[0m \x1b]0;title\x07!'],
    observed_at: '',
  };
  api.on('GET /rollouts/r1', {
    lines: [aFrame({ ...ended, state: 'failed', reason: 'v2 exited', failure }, { release: 'v1' })],
  });
  const { exit, out } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 1);
  t.match(out, /v1 → v2 +failed +ready 0\/1 of v1/);
  t.match(out, /failed shop\/api v2: exited with 3 after 0\.2 s\n/);
  t.match(out, /exit code 3\n/);
  t.match(out, /boom red !\n/);
  t.match(out, /v1 goes on serving/);
  t.match(out, /hint: See `orca status shop\/api`, which keeps/);
  t.notMatch(out, '\x1b');
});

t.test('no change says so and ends with 0', async (t) => {
  const { api, cwd, home } = await shop(t);
  api.on('GET /rollouts/r1', {
    lines: [aFrame({ ...ended, release: null, from: 'v3', reason: 'nothing to change' }, { release: 'v3' })],
  });
  const { exit, out } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 0);
  t.match(out, /api: no change \(v3 already runs\)/);
  api.on('POST /deploy', {
    body: {
      deployed: ['api'],
      errors: [],
      rollouts: [{ service: 'api', id: null, change: 'replicas: 1 → 2' }],
    },
  });
  t.match((await orca(['deploy'], { home, cwd })).out, /ok api: replicas: 1 → 2/);
});

t.test('--dry-run and diff ask for the plan only', async (t) => {
  const { api, cwd, home } = await shop(t);
  for (const argv of [['deploy', '--dry-run'], ['diff']]) {
    const { exit, out } = await orca(argv, { home, cwd });
    t.equal(exit, 0);
    t.match(out, /~ roll +api/);
  }
  t.match(JSON.parse((await orca(['diff', '--json'], { home, cwd })).out), {
    services: [{ action: 'roll' }],
  });
  t.notOk(api.asked.some(({ path }) => path === '/deploy'));
  api.on('POST /plan', {
    body: {
      services: [
        {
          service: 'api',
          action: 'refused',
          changes: [],
          steps: [],
          error: 'a blue one is not supported',
          code: 'NOT_SUPPORTED',
          hint: 'take a green one',
        },
      ],
    },
  });
  for (const argv of [['diff'], ['deploy']]) {
    const { exit, out, err } = await orca(argv, { home, cwd });
    t.equal(exit, 2);
    t.equal(out, '');
    t.equal(err, 'error: api: a blue one is not supported\nhint: take a green one\n');
  }
});

t.test('bad files end with 2, all errors together, and nothing is asked', async (t) => {
  const { api, cwd, home } = await shop(t, '[[service]]\nname = "a"\nimge = "x"\nreplicas = "1"\n');
  mkdirSync(join(cwd, 'services', 'blog'));
  writeFileSync(
    join(cwd, 'services', 'blog', 'service.yaml'),
    'service:\n  - name: b\n    image: x\n    domain: a.com\n',
  );
  const { exit, err } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 2);
  t.match(err, /error: services\/blog\/service\.yaml:2:5: service "b": port: is required/);
  t.match(
    err,
    /error: services\/shop\/service\.toml:3:1: service "a": imge: unknown key; did you mean image\?/,
  );
  t.match(err, /error: services\/shop\/service\.toml:4:1: service "a": replicas: must be a number/);
  t.match(err, /\nhint: Mend the named key/);
  t.equal(api.asked.length, 0);
});

t.test('two files may not share a domain', async (t) => {
  const text = '[[service]]\nname = "a"\nimage = "x"\nport = 1\ndomain = "a.com"\n';
  const { cwd, home } = await shop(t, text);
  mkdirSync(join(cwd, 'services', 'blog'));
  writeFileSync(join(cwd, 'services', 'blog', 'service.toml'), text);
  const { exit, err } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 2);
  t.match(err, /services\/shop\/service\.toml: service "a": domain: a\.com\/\* belongs to "blog\/a" already/);
});

t.test('no file at all ends with 2', async (t) => {
  const { home } = await shop(t);
  const { exit, err } = await orca(['deploy', '-f', 'nowhere'], { home });
  t.equal(exit, 2);
  t.match(err, /error: nowhere does not exist/);
});

t.test('what the master refuses keeps its code, text and hint', async (t) => {
  const { api, cwd, home } = await shop(t);
  api.on('POST /deploy', {
    status: 409,
    body: { error: 'a.com is taken', code: 'ROUTE_TAKEN', hint: 'Take another.' },
  });
  const { exit, err } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 2);
  t.equal(err, 'error: a.com is taken\nhint: Take another.\n');
});

t.test('a deploy of which some did not go ends with their exit code', async (t) => {
  const { api, cwd, home } = await shop(t);
  const errors = [{ service: 'db', error: 'no secret', code: 'SECRET_MISSING', hint: 'Set it.' }];
  api.on('POST /deploy', { status: 206, body: { deployed: [], errors, rollouts: [] } });
  const { exit, err } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 2);
  t.match(err, 'error: db: no secret\nhint: Set it.\n');
});

t.test('--detach waits for nothing; --timeout stops waiting with 1', async (t) => {
  const { api, cwd, home } = await shop(t);
  api.on('GET /rollouts/r1', { lines: [aFrame()], after: 'hold' });
  const detached = await orca(['deploy', '--detach'], { home, cwd });
  t.equal(detached.exit, 0);
  t.match(detached.out, /rollout r1 is under way/);
  const timed = await orca(['deploy', '--timeout', '200ms'], { home, cwd });
  t.equal(timed.exit, 1);
  t.match(timed.err, /^error: TIMEOUT: not done after 200ms\nhint: The rollout goes on/);
  const wrong = await orca(['deploy', '--timeout', 'soon'], { home, cwd });
  t.equal(wrong.exit, 2);
  t.match(wrong.err, /--timeout must be a time/);
});

t.test('Ctrl-C says that the rollout goes on and how to follow it, and ends with 130', async (t) => {
  const { api, cwd, home } = await shop(t);
  api.on('GET /rollouts/r1', { lines: [aFrame()], after: 'hold' });
  const running = start(['deploy'], { home, cwd });
  await waitFor('the first frame', () => running.out().includes('rolling'));
  running.interrupt();
  t.equal(await running.exit, 130);
  t.match(running.err(), /the rollout goes on; follow with `orca status --watch`/);
  t.notOk(api.asked.some(({ method }) => method === 'DELETE'));
});

t.test('a master that restarts in the middle is followed on', async (t) => {
  const { api, cwd, home } = await shop(t);
  const starting = (reason: string) =>
    aFrame({}, { allocations: [anAllocation({ state: 'starting', reason, routed: false })] });
  api.on(
    'GET /rollouts/r1',
    { lines: [starting('one')], after: 'cut' },
    { status: 503, body: {} },
    { lines: [starting('two')] },
    { lines: [aFrame(ended)] },
  );
  const { exit, out } = await orca(['deploy'], { home, cwd });
  t.equal(exit, 0);
  t.match(
    out,
    /starting: one[\s\S]*the master does not answer[\s\S]*the master is back[\s\S]*starting: two[\s\S]*ok shop\/api/,
  );
});

t.test('on a terminal lines are rewritten in place, in colour unless NO_COLOR is set', async (t) => {
  const { api, cwd, home } = await shop(t);
  api.on('GET /rollouts/r1', { lines: [aFrame(), aFrame({ reason: 'almost' }), aFrame(ended)] });
  const colored = await orca(['deploy'], { home, cwd, terminal: true });
  t.match(colored.out, '\x1b[2A\r\x1b[J');
  t.match(colored.out, '\x1b[32mok\x1b[39m');
  const plain = await orca(['deploy'], { home, cwd, terminal: true, env: { NO_COLOR: '1' } });
  t.notMatch(plain.out, '\x1b[32m');
});

t.test('--json prints one document with the results', async (t) => {
  const { api, cwd, home } = await shop(t);
  api.on('GET /rollouts/r1', { lines: [aFrame(), aFrame(ended)] });
  const { exit, out } = await orca(['deploy', '--json'], { home, cwd });
  t.equal(exit, 0);
  t.match(JSON.parse(out), { deployed: ['api'], results: [{ id: 'r1', state: 'succeeded' }] });
});
