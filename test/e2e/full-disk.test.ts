/** The disk of the home runs full while all is running: what runs goes on, what is new is refused, and it is said. */
import t from 'tap';
import { dockerCall } from '../support/docker.js';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { serviceToml } from '../support/service-toml.js';
import { fill } from '../support/small-disk.js';
import { waitFor } from '../support/wait-for.js';

const orca = await startOrca({ homeKiB: 8_192 });
t.teardown(() => orca.stop());
const image = 'orca-e2e/full-disk:1';
await nodeAppImage({ tag: image, env: { RELEASE: '1' } });
const service = (replicas: number) => serviceToml({ name: 'web', image, domain: 'web.localhost', replicas });
const nodeThat = (state: string) =>
  waitFor(`the node to be ${state}`, async () => {
    const node = (await orca.status()).nodes[0];
    return node?.state === state && node;
  });

await orca.deployed(service(2));

t.test('on a full disk what runs goes on, what is lost comes back, and what is new is refused', async (t) => {
  const free = fill(orca.home);
  t.teardown(free);
  for (const args of [
    ['scale', 'web', '3'],
    ['stop', 'web'],
    ['redeploy', 'web'],
  ]) {
    const { code, stderr } = await orca.run(args);
    t.equal(code, 1, args.join(' '));
    t.match(stderr, /the disk of the Orca home has 0 KiB left[\s\S]*nothing was changed/);
  }
  t.match((await orca.deploy(service(3))).stderr, /the disk of the Orca home has 0 KiB left/);
  const health = await orca.api('GET', '/health');
  t.match(
    [health.status, JSON.parse(health.body)],
    [200, { status: 'degraded', reason: /disk of the Orca home/ }],
  );
  t.match((await orca.run(['doctor'])).stdout, /bad +store +the disk of the Orca home/);

  const [lost] = await orca.containers({ 'orca.service': 'web' });
  await dockerCall('DELETE', `/containers/${lost?.Id}?force=1`);
  await waitFor('another container in its place', async () => {
    const now = await orca.containers({ 'orca.service': 'web' });
    return now.length === 2 && now.every(({ Id, State }) => Id !== lost?.Id && State === 'running');
  });
  await waitFor('the new container to answer', async () => (await orca.get('web.localhost')).status === 200);
  t.match(await nodeThat('degraded'), { reason: /its files can't be written: ENOSPC.*free space/ });
  t.equal((await orca.service('web')).replicas, 2);
});

t.test('with room again all goes on without a restart', async (t) => {
  await nodeThat('ready');
  t.match(JSON.parse((await orca.api('GET', '/health')).body), { status: 'ok', reason: null });
  const { code } = await orca.deploy(service(3));
  t.equal(code, 0);
  t.match(await orca.service('web'), { status: 'running', running_replicas: 3 });
});
