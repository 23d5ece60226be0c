/** What goes wrong with a release never touches the one that serves, and is said with what to do. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { serviceToml } from '../support/service-toml.js';

const orca = await startOrca({ cluster: '[security]\nallowed_mounts = ["/nowhere"]' });
t.teardown(() => orca.stop());
const image = 'orca-e2e/failing:good';
await nodeAppImage({ tag: image, env: { RELEASE: 'good' } });
await nodeAppImage({
  tag: 'orca-e2e/failing:exits',
  env: { RELEASE: 'bad', LOG_LINES: '30', EXIT_CODE: '7' },
});
await nodeAppImage({ tag: 'orca-e2e/failing:deaf', env: { RELEASE: 'deaf', ON_SIGTERM: 'ignore' } });
await nodeAppImage({ tag: 'orca-e2e/failing:stuck', env: { RELEASE: 'stuck', NEVER_READY: '1' } });
await nodeAppImage({
  tag: 'orca-e2e/failing:late',
  env: { RELEASE: 'late', EXIT_CODE: '3', EXIT_AFTER_MS: '6000' },
});
const service = (which: string, deploy: string[] = [], lines: string[] = []) =>
  serviceToml({
    name: 'web',
    image: `orca-e2e/failing:${which}`,
    domain: 'web.localhost',
    replicas: 2,
    deploy,
    lines,
  });

await orca.deployed(service('good'));
const ids = async () => (await orca.containers({ 'orca.release': '1' })).map(({ Id }) => Id).sort();
const stable = await ids();

async function untouched(t: Test): Promise<void> {
  t.same(await ids(), stable, 'the same containers go on');
  t.equal((await orca.get('web.localhost')).headers['x-release'], 'good');
  const seen = await orca.serviceThat(
    'web',
    'to have only the good release',
    (web) => web.allocations.length === 2,
  );
  t.match(seen, { release: 'v1', running_replicas: 2 });
}

t.test('what no node could ever take is refused at once, with the reason of each node', async (t) => {
  for (const [lines, says] of [
    [['resources = { cpu = 512 }'], /web: no node could ever take it: \S+ has \d+ CPUs, and it asks for 512/],
    [['placement = { node = "nowhere" }'], /no node could ever take it: \S+ is not nowhere/],
  ] as const) {
    for (const args of [[], ['--dry-run']]) {
      const startedAtMs = Date.now();
      const { code, stderr } = await orca.deploy(service('good', [], [...lines]), args);
      t.equal(code, 1);
      t.match(stderr, says);
      t.match(stderr, /orca nodes/);
      t.ok(Date.now() - startedAtMs < 20_000, 'not at its progress deadline');
    }
  }
  await untouched(t);
});

t.test('an image that exits at once fails the deploy with its code and its last 20 lines', async (t) => {
  const result = await orca.deploy(service('exits'));
  const output = result.stdout + result.stderr;
  t.equal(result.code, 1);
  t.match(output, /exited with 7/);
  t.match(output, /giving up with 7/);
  t.match(output, /line 30 of bad/);
  t.notMatch(output, /line 11 of bad\b/);
  t.match((await orca.service('web')).last_failure, { exit_code: 7 });
  await untouched(t);
});

t.test('an image that never gets ready fails at its progress deadline', async (t) => {
  const result = await orca.deploy(service('stuck', ['progress_deadline_secs = 3']));
  t.equal(result.code, 1);
  t.match(result.stdout + result.stderr, /progress|deadline|not ready/i);
  await untouched(t);
});

t.test('an image that is not there fails and names it', async (t) => {
  const result = await orca.deploy(service('absent', [], ['pull = "never"']));
  t.equal(result.code, 1);
  t.match(result.stdout + result.stderr, /orca-e2e\/failing:absent/);
  await untouched(t);
});

t.test('a host port that is taken fails and names it', async (t) => {
  const taken = createServer().listen(0, '0.0.0.0');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const result = await orca.deploy(
    serviceToml(
      { name: 'web', image, domain: 'web.localhost', replicas: 2 },
      {
        name: 'grabby',
        image,
        lines: [`extra_ports = ["${port}:8080"]`],
        deploy: ['progress_deadline_secs = 20'],
      },
    ),
  );
  t.equal(result.code, 1);
  t.match(result.stdout + result.stderr, new RegExp(`${port}`));
  await orca.run(['rm', 'grabby']);
  await untouched(t);
});

t.test('a mount that the cluster does not allow is refused, with the line that would allow it', async (t) => {
  const result = await orca.deploy(service('good', [], ['mounts = ["/nowhere/../etc:/data:ro"]']));
  t.equal(result.code, 4, result.stdout);
  t.match(result.stderr, /may not be mounted.*allowed_mounts = \["\/nowhere","\/etc"\]/s);
  await untouched(t);
});

t.test('a bad mount fails and names it', async (t) => {
  const result = await orca.deploy(
    service('good', ['progress_deadline_secs = 20'], ['mounts = ["/nowhere/at/all:/data:ro"]']),
  );
  t.equal(result.code, 1, result.stdout);
  t.match(result.stdout + result.stderr, /\/nowhere\/at\/all/);
  await untouched(t);
});

t.test('a release that exits after it was routed is rolled back, and the good one serves', async (t) => {
  const result = await orca.deploy(service('late', ['min_healthy_secs = 3']));
  t.equal(result.code, 1, result.stdout + result.stderr);
  t.match(result.stdout + result.stderr, /exited with 3/);
  const seen = await orca.serviceThat(
    'web',
    'to serve the good release',
    (web) => web.running_replicas === 2 && web.release === 'v1' && web.allocations.length === 2,
  );
  t.same(
    seen.allocations.map(({ release }) => release),
    ['v1', 'v1'],
  );
  t.equal((await orca.get('web.localhost')).headers['x-release'], 'good');
});

t.test('an app that ignores SIGTERM is killed after its grace, and holds up nothing longer', async (t) => {
  const grace = ['stop_grace_secs = 1'];
  t.equal((await orca.deploy(service('deaf', grace))).code, 0);
  const result = await orca.deploy(service('good', grace));
  t.equal(result.code, 0, result.stdout + result.stderr);
  await orca.serviceThat('web', 'to have lost the deaf ones', (web) => web.allocations.length === 2);
  t.equal((await orca.containers()).length, 2);
});

t.test('a container that dies is replaced, and a loop of deaths backs off and says so', async (t) => {
  await orca.get('web.localhost', '/exit?code=5');
  await orca.serviceThat(
    'web',
    'to be whole',
    (web) => web.running_replicas === 2 && web.status === 'running',
  );
  for (let death = 0; death < 3; death += 1) {
    await orca.serviceThat('web', 'to answer', (web) => web.running_replicas > 0);
    await orca.get('web.localhost', '/exit?code=5').catch(() => {});
  }
  const seen = await orca.serviceThat('web', 'to show a back-off', (web) =>
    web.allocations.some(
      ({ restarts, reason }) => restarts > 0 && /exited with 5.*next start .* after that/.test(reason ?? ''),
    ),
  );
  t.equal(seen.status, 'degraded');
  await orca.serviceThat('web', 'to be whole again', (web) => web.running_replicas === 2);
});
