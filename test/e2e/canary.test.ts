/**
 * The lives of canaries, with the real Docker, Caddy and CLI, under the mixed load of the rolling updates: nothing is
 * lost, whether they are promoted, taken back, replaced, killed, or judged by what they answered.
 */
import t, { type Test } from 'tap';
import { dockerJson } from '../support/docker.js';
import { nodeAppImage } from '../support/images.js';
import { fullMix, type LoadMix, type LoadOptions, startLoad } from '../support/load.js';
import { lossless } from '../support/lossless.js';
import { startOrca } from '../support/orca.js';
import { killHard } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

t.setTimeout(600_000);
const orca = await startOrca();
t.teardown(() => orca.stop());
const behaviours = {
  a: {},
  b: {},
  failing: { FAIL_PERCENT: '5' },
  slow: { DELAY_MS: '300' },
};
for (const [release, env] of Object.entries(behaviours))
  await nodeAppImage({ tag: `orca-e2e/canary:${release}`, env: { RELEASE: release, ...env } });

const canary = ['strategy = "canary"'];
const file = (image: string, deploy: string[] = canary, lines: string[] = []) =>
  serviceToml({
    name: 'web',
    image: `orca-e2e/canary:${image}`,
    domain: 'web.localhost',
    replicas: 2,
    deploy,
    lines,
  });
/** Windows of 2 s, judged by the figures of plain requests. */
const judged = (...limits: string[]) => [
  ...canary,
  'canary_steps = [20, 50]',
  'step_secs = 2',
  '[service.deploy.analysis]',
  'min_requests = 20',
  ...limits,
];
const web = (what: string, holds: Parameters<typeof orca.serviceThat>[2], timeoutMs?: number) =>
  orca.serviceThat('web', what, holds, timeoutMs);
const atRest = () =>
  web('to be at rest', (seen) => seen.status === 'running' && seen.allocations.length === seen.replicas);
const ok = async (t: Test, ...args: string[]) => {
  const result = await orca.run(args);
  t.equal(result.code, 0, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result;
};
const deploys = async (t: Test, toml: string, code = 0) => {
  const result = await orca.deploy(toml);
  t.equal(result.code, code, `deploy: ${result.stdout}${result.stderr}`);
  return result;
};

await orca.deployed(file('a'));
await atRest();

t.test('promoted, taken back, replaced: nothing is lost', async (t) => {
  await lossless(t, under(fullMix), async () => {
    const begun = await deploys(t, file('b'));
    t.match(begun.stdout, /canary v2 of web gets 20 %; `orca promote web` or `orca rollback web`/);
    t.match(await orca.service('web'), {
      status: 'deploying',
      release: 'v1',
      groups: { stable: { release: 'v1', weight: 80 }, canary: { release: 'v2', weight: 20, ready: 1 } },
    });
    await ok(t, 'promote', 'web', '--weight', '50');
    await ok(t, 'promote', 'web');
    t.match(await atRest(), { release: 'v2', groups: { canary: null } });
    await deploys(t, file('a'));
    await ok(t, 'rollback', 'web');
    t.match(await atRest(), { release: 'v2' });
    await deploys(t, file('a'));
    await deploys(t, file('b', canary, ['command = ["/bin/node", "/app/app.js", "again"]']));
    t.match(await orca.service('web'), { release: 'v2', groups: { canary: { weight: 20 } } });
    await deploys(t, file('b'));
    t.match(await atRest(), { release: 'v2' }, 'a deploy of what stable runs ends the canary');
  });
  const { stdout } = await ok(t, 'history', 'web');
  for (const word of ['promote', 'rollback', 'superseded', 'cli']) t.match(stdout, new RegExp(word));
});

t.test('a rollback while stable drains takes back the copies that drain', async (t) => {
  const stable = (await orca.service('web')).allocations.map(({ id }) => id);
  // Streams that stay open hold the drain up.
  await lossless(t, under({ busy: 4, think: 4, http2: 4, socket: 6, sse: 4 }), async () => {
    await deploys(t, file('a'));
    await ok(t, 'promote', 'web', '--detach');
    await web('to let stable go', ({ allocations }) => allocations.some(({ state }) => state === 'draining'));
    t.equal((await orca.api('POST', '/services/web/rollback', {})).status, 200);
    t.match(await atRest(), { release: 'v2' });
  });
  const kept = (await orca.service('web')).allocations.filter(({ id }) => stable.includes(id));
  t.ok(kept.length > 0, 'but for one that had no stream any more, and was told to stop');
});

t.test('a canary goes through its steps by itself', async (t) => {
  await lossless(t, under(fullMix), async () => {
    const steps = [...canary, 'canary_steps = [5, 25, 50]', 'step_secs = 1'];
    const { stdout } = await deploys(t, file('a', steps));
    for (const weight of [25, 50, 100]) t.match(stdout, new RegExp(`${weight} %`));
    t.equal((await atRest()).image, 'orca-e2e/canary:a');
  });
});

t.test('all canaries killed at 50 %: GETs see nothing, and it comes back', async (t) => {
  await lossless(t, under({ busy: 4, think: 4, fresh: 2, http2: 4 }), async () => {
    await deploys(t, file('b', [...canary, 'canary_weight = 50', 'canary_replicas = 2']));
    for (const { id } of await canaries()) await killAllocation(id);
    await web('to have its canary back', (seen) =>
      Boolean(seen.groups.canary?.ready === 2 && seen.allocations.some((one) => one.restarts > 0)),
    );
    await ok(t, 'rollback', 'web');
    await atRest();
  });
});

t.test('one that fails too often, or is too slow, is taken back with its figures', async (t) => {
  for (const [image, limit, says] of [
    ['failing', 'max_error_rate = 1.0', /of \d+ requests failed, at most 1 %/],
    ['slow', 'max_p95_ratio = 3.0', /p95 3\d\d ms against \d+ ms of stable's/],
  ] as const) {
    const load = await startLoad({ target: orca.target('web.localhost'), mix: { busy: 2, fresh: 2 } });
    const result = await deploys(t, file(image, judged(limit)), 1);
    const report = await load.stop();
    t.match(result.stdout + result.stderr, says);
    t.equal(report.counts.busy?.failed === 0, image === 'slow', 'only its own 500s were seen');
    const seen = await atRest();
    t.equal(seen.image, 'orca-e2e/canary:a');
    t.match((await ok(t, 'history', 'web')).stdout, says);
  }
});

t.test('a healthy one is promoted by itself, and without traffic it waits and says so', async (t) => {
  const limits = judged('max_error_rate = 1.0', 'max_p95_ms = 2000');
  t.equal((await orca.deploy(file('b', limits), ['--detach'])).code, 0);
  await web('to wait for traffic', (seen) => /requests, so the step is prolonged/.test(seen.reason ?? ''));
  const load = await startLoad({ target: orca.target('web.localhost'), mix: { busy: 2, fresh: 2 } });
  await web('to be promoted', (seen) => seen.image.endsWith(':b') && seen.status === 'running');
  t.equal((await load.stop()).failed, 0);
  const { rollouts } = JSON.parse((await orca.api('GET', '/services/web/history')).body);
  const results = (rollouts[0].canary.verdicts as { result: string }[]).map(({ result }) => result);
  t.equal(results[0], 'prolonged', 'while nobody came');
  t.same(
    results.filter((result) => result !== 'prolonged'),
    ['passed', 'passed'],
  );
  t.match((await orca.api('GET', '/openapi.json')).status, 200);
});

t.test('the master killed in a canary and in a promotion: it goes on where it was', async (t) => {
  await atRest();
  await lossless(t, under({ busy: 4, http2: 4, socket: 4 }), async () => {
    await deploys(t, file('a'));
    await killHard(orca.pid('server'));
    await orca.startServer();
    await web('to stand', (seen) => seen.groups.canary?.weight === 20 && seen.rollout?.state === 'canary');
    await ok(t, 'promote', 'web', '--detach');
    await web('to be promoting', (seen) => seen.rollout?.state === 'promoting');
    await killHard(orca.pid('server'));
    await orca.startServer();
    await web('to be promoted', (seen) => seen.image.endsWith(':a') && seen.status === 'running');
    await atRest();
  });
});

t.test('the agent killed in a canary: its share goes on, and is never shown as anything else', async (t) => {
  await deploys(t, file('b'));
  const before = orca.pid('agent');
  const shown = new Set<number | undefined>();
  await lossless(t, under({ busy: 4, http2: 4, socket: 4 }), async () => {
    await killHard(before);
    await waitFor('the next agent to have reported', async () => {
      const { groups, reason } = await orca.service('web');
      shown.add(groups.canary?.weight);
      return orca.pid('agent') !== before && reason?.startsWith('canary v');
    });
  });
  t.same([...shown], [20]);
  await ok(t, 'rollback', 'web');
  await atRest();
});

t.test('paused it stays, in maintenance it says so, and what can not be done is refused', async (t) => {
  await deploys(t, file('b'));
  await ok(t, 'rollout', 'pause', 'web');
  t.match(await orca.service('web'), { status: 'paused' });
  t.equal((await orca.run(['promote', 'web'])).code, 1);
  await ok(t, 'rollout', 'resume', 'web');
  for (const weight of ['101', 'x', '-1'])
    t.equal((await orca.run(['promote', 'web', '--weight', weight])).code, 2);
  const dry = await ok(t, 'promote', 'web', '--dry-run');
  t.match(dry.stdout, /grows to 2/);
  await ok(t, 'rollback', 'web');
  await atRest();
  t.equal((await orca.run(['promote', 'web'])).code, 1, 'nothing to promote');
  t.equal((await orca.run(['rollback', 'web', '--to', 'v99'])).code, 1);
  await ok(t, 'maintenance', 'on', 'web', '--message', 'back at <noon>');
  const page = await waitFor('the page', async () => {
    const answer = await orca.get('web.localhost');
    return answer.status === 503 ? answer : null;
  });
  t.match(page.body, /back at &lt;noon&gt;/);
  await ok(t, 'maintenance', 'off', 'web');
  await waitFor('an answer', async () => (await orca.get('web.localhost')).status === 200);
});

t.test('a job runs once in the new image before anything else; one that fails changes nothing', async (t) => {
  const job = (script: string) => [...canary, `pre_deploy = ["/bin/node", "-e", ${JSON.stringify(script)}]`];
  const failed = await deploys(t, file('b', job("console.log('no such table'); process.exit(3)")), 1);
  t.match(failed.stdout + failed.stderr, /no such table/);
  t.match(failed.stdout + failed.stderr, /exit code 3|exited with 3/);
  t.match(await atRest(), { image: 'orca-e2e/canary:a' });
  const slow = [
    ...job("console.log('table 4 of 9'); setInterval(() => {}, 1000)"),
    'pre_deploy_timeout_secs = 2',
  ];
  const late = await deploys(t, file('b', slow), 1);
  t.match(late.stdout + late.stderr, /not done within 2 s[\s\S]*table 4 of 9/);
  const none = [...canary, 'pre_deploy = ["/bin/no-such-program"]'];
  const absent = await deploys(t, file('b', none), 1);
  t.match(absent.stdout + absent.stderr, /change pre_deploy: the image has no such program/);
  await deploys(t, file('b', job("console.log('migrated')")));
  t.match((await ok(t, 'logs', 'web', '--group', 'job')).stdout, /migrated/, 'its container is gone');
  t.match((await ok(t, 'history', 'web')).stdout, /its job for v\d+ exited with 0/);
  t.match(await orca.service('web'), { groups: { canary: { ready: 1 } } });
  await ok(t, 'rollback', 'web');
  await atRest();
});

async function canaries() {
  return (await orca.service('web')).allocations.filter(({ group }) => group === 'canary');
}

async function killAllocation(id: string): Promise<void> {
  for (const { Id } of await orca.containers({ 'orca.allocation': id }))
    await dockerJson('POST', `/containers/${Id}/kill`);
}

function under(mix: LoadMix): LoadOptions {
  return { target: orca.target('web.localhost'), mix, lifetimeMs: 4_000 };
}
