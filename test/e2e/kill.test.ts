/**
 * `kill -9` of anything at any moment: what was asked for comes back by itself, nothing doubled, nothing lost. The master dies
 * at every step that it persists of a rollout, with the real agent, Docker and Caddy around it.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { dockerJson } from '../support/docker.js';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { isAlive, killHard, processesOf } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const REPLICAS = 1;
const program = fileURLToPath(new URL('../../test-programs/dying-server.js', import.meta.url));

const orca = await startOrca({ serverProgram: [process.execPath, program] });
t.teardown(() => orca.stop());
const steps = { file: `${orca.folder}/steps`, dieAt: `${orca.folder}/die-at` };
for (const release of ['a', 'b']) {
  await nodeAppImage({ tag: `orca-e2e/kill:${release}`, env: { RELEASE: release } });
}
const file = (release: string) =>
  serviceToml({
    name: 'web',
    image: `orca-e2e/kill:${release}`,
    domain: 'web.localhost',
    replicas: REPLICAS,
  });
const whole = () =>
  orca.serviceThat(
    'web',
    'to be whole',
    (seen) =>
      seen.status === 'running' && seen.allocations.length === REPLICAS && seen.running_replicas === REPLICAS,
  );
await orca.deployed(file('a'));
await whole();

t.test('the master killed at every persisted step of a rollout', { timeout: 900_000 }, async (t) => {
  writeFileSync(steps.file, '0');
  await orca.deployed(file('b'));
  await whole();
  const count = Number(readFileSync(steps.file, 'utf8'));
  t.ok(count >= 8, `a rollout of ${REPLICAS} replicas is ${count} steps`);
  let release = 'b';
  for (let step = 1; step <= count; step += 1) {
    release = release === 'a' ? 'b' : 'a';
    const pid = orca.pid('server');
    writeFileSync(steps.file, '0');
    writeFileSync(steps.dieAt, `${step}`);
    orca.write('services/default/service.toml', file(release));
    const asking = orca.run(['deploy', '--detach']);
    // A rollout may take fewer steps than the counted one: then it has to end well by itself.
    await waitFor('the death', async () => !isAlive(pid) || (await isDone(release)), { timeoutMs: 60_000 });
    rmSync(steps.dieAt, { force: true });
    const { code } = await asking;
    if (!isAlive(pid)) await orca.startServer();
    // Killed before the first step was stored, nothing was asked for: who asked was told so, and asks again.
    if (code !== 0) await orca.deployed(file(release));
    const service = await whole();
    t.equal(service.image, `orca-e2e/kill:${release}`, `killed at step ${step}`);
    t.ok(service.rollout === null || service.rollout.state === 'succeeded', 'the rollout ended');
    t.equal((await orca.containers()).length, REPLICAS, 'no container too many or too few');
    t.equal((await orca.get('web.localhost')).headers['x-release'], release);
  }
});

t.test('the agent killed is started again, and adopts what runs', async (t) => {
  const before = (await orca.containers()).map(({ Id }) => Id).sort();
  const pid = orca.pid('agent');
  await killHard(pid);
  await waitFor('another agent', () => orca.pid('agent') !== pid);
  await whole();
  t.same((await orca.containers()).map(({ Id }) => Id).sort(), before);
});

t.test('Caddy killed is started again, and serves', async (t) => {
  const pid = orca.pid('caddy');
  await killHard(pid);
  await waitFor('an answer', async () => (await orca.get('web.localhost')).status === 200);
  t.not(orca.pid('caddy'), pid);
});

t.test('the resolver killed is started again, and nobody notices', async (t) => {
  const pid = orca.pid('resolver');
  await killHard(pid);
  await waitFor('another resolver', () => orca.pid('resolver') !== pid);
  for (let asked = 0; asked < 50; asked += 1) t.equal((await orca.get('web.localhost')).status, 200);
});

t.test('a container killed, or removed behind our back, is replaced', async (t) => {
  for (const how of ['kill', 'remove']) {
    const [victim] = await orca.containers();
    if (!victim) throw new Error('no container');
    if (how === 'kill') await dockerJson('POST', `/containers/${victim.Id}/kill`);
    else await dockerJson('DELETE', `/containers/${victim.Id}?force=true`);
    await waitFor('another one', async () => {
      const seen = await orca.containers();
      return (
        seen.length === REPLICAS && seen.every(({ Id, State }) => Id !== victim.Id && State === 'running')
      );
    });
    await whole();
    t.equal((await orca.get('web.localhost')).status, 200);
  }
});

t.test('everything killed at once comes back with the server', async (t) => {
  for (const { pid } of processesOf(orca.home)) await killHard(pid);
  await dockerJson('POST', `/containers/${(await orca.containers())[0]?.Id}/kill`);
  t.notOk(existsSync(steps.dieAt));
  await orca.startServer();
  await whole();
  t.equal((await orca.containers()).length, REPLICAS);
  await waitFor('an answer', async () => (await orca.get('web.localhost')).status === 200);
});

async function isDone(release: string): Promise<boolean> {
  const { image, rollout, allocations } = await orca.service('web');
  return image.endsWith(`:${release}`) && rollout?.state === 'succeeded' && allocations.length === REPLICAS;
}
