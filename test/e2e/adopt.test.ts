/**
 * The master's state lost under a running cluster, with the real Docker, Caddy and CLI, and under load: what runs is taken over,
 * or a backup is put in its place, and no request and no container notices. A backup that is older than what runs stops nothing.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { NodeStatus } from '../../shared/api.js';
import type { AdoptReply } from '../../shared/api-adopt.js';
import { dockerJson } from '../support/docker.js';
import { nodeAppImage } from '../support/images.js';
import type { LoadMix } from '../support/load.js';
import { lossless } from '../support/lossless.js';
import { startOrca } from '../support/orca.js';
import { killHard, processesOf } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

t.setTimeout(600_000);
const orca = await startOrca();
t.teardown(() => orca.stop());
for (const release of ['a', 'b', 'c'])
  await nodeAppImage({ tag: `orca-e2e/adopt:${release}`, env: { RELEASE: release } });

const env = { SECRET: 'a-word-nobody-may-see' };
const file = (web: string, shop: string) =>
  serviceToml(
    { name: 'web', image: `orca-e2e/adopt:${web}`, domain: 'web.localhost', replicas: 2, env },
    {
      name: 'shop',
      image: `orca-e2e/adopt:${shop}`,
      domain: 'shop.localhost',
      replicas: 2,
      deploy: ['strategy = "canary"', 'canary_weight = 30'],
    },
  );
const mix: LoadMix = { busy: 2, think: 4, fresh: 2, http2: 2, post: 2, slow: 2, sse: 2, socket: 6 };
const load = { target: orca.target('shop.localhost'), mix, lifetimeMs: 2_500 };
const backup = join(orca.folder, 'backup.tar');

const ok = async (t: Test, ...args: string[]) => {
  const result = await orca.run(args);
  t.equal(result.code, 0, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result;
};
/** Which containers run, and since when. */
async function running(): Promise<string[]> {
  const all = await orca.containers();
  const seen = await Promise.all(
    all.map(async ({ Id }) => {
      const { State } = await dockerJson<{ State: { StartedAt: string } }>('GET', `/containers/${Id}/json`);
      return `${Id} ${State.StartedAt}`;
    }),
  );
  return seen.sort();
}
const nodeThat = (what: string, holds: (node: NodeStatus) => boolean) =>
  waitFor(
    `the node ${what}`,
    async () => {
      const [node] = (await orca.status()).nodes;
      return node && holds(node) && node;
    },
    { timeoutMs: 60_000 },
  );
const held = () => nodeThat('to be held', ({ reason }) => /held.*orca adopt/.test(reason ?? ''));
const ready = () => nodeThat('to be ready', ({ state }) => state === 'ready');
const canaryStands = () =>
  orca.serviceThat(
    'shop',
    'to have its canary',
    ({ groups, allocations }) =>
      groups.canary?.weight === 30 && allocations.length === 3 && allocations.every((a) => a.routed),
  );
const kill = () => killHard(orca.pid('server'));
const forget = (...names: string[]) => {
  for (const name of names) rmSync(join(orca.home, name), { recursive: true, force: true });
};

t.test('two services run, one with a canary under way', async (t) => {
  await orca.deployed(file('a', 'a'));
  await orca.deployed(file('a', 'b'));
  await canaryStands();
  t.equal((await orca.containers()).length, 5);
});

t.test('the store is lost, and what runs is taken over', async (t) => {
  const before = await running();
  await lossless(t, load, async () => {
    await ok(t, 'backup', backup);
    await kill();
    forget('cluster.db');
    await orca.startServer();
    await held();
    t.same((await orca.status()).services, []);
    const shown = await ok(t, 'adopt');
    t.match(shown.stdout, /5 copies, known from what its agent remembers/);
    t.match(shown.stdout, /default\/web · v1 · replicas 2 · web\.localhost/);
    t.match(
      shown.stdout,
      /default\/shop · v1 · replicas 2 · shop\.localhost · deploy of v2: canary with 30 %/,
    );
    t.notMatch(shown.stdout, /nobody-may-see/);
    t.same((await orca.status()).services, [], 'showing it changes nothing');
    t.match((await ok(t, 'adopt', '--apply')).stderr, /no container was touched/);
    await ready();
    await canaryStands();
    await orca.serviceThat('web', 'to run', ({ status }) => status === 'running');
  });
  t.same(await running(), before);
  t.match(await ok(t, 'adopt'), { stdout: /nothing to adopt/ });
});

t.test('what was taken over goes on: the canary is promoted, a deploy brings the next release', async (t) => {
  await lossless(t, load, async () => {
    await ok(t, 'promote', 'shop');
    await orca.deployed(file('b', 'b'));
  });
  const { release, allocations } = await orca.service('web');
  t.equal(release, 'v2');
  t.ok(
    allocations.every(({ id }) => Number(id.split('.').at(-1)) > 2),
    'no id is used again',
  );
  t.equal((await orca.get('shop.localhost')).headers['x-release'], 'b');
});

t.test('a home of the backup of just now is that master, and nothing has to be decided', async (t) => {
  await waitFor('the old ones to be gone', async () => (await orca.containers()).length === 4);
  const before = await running();
  await lossless(t, load, async () => {
    await ok(t, 'backup', backup, '--force');
    t.match(await orca.run(['restore', backup, '--force']), { code: 1, stderr: /a master runs/ });
    await kill();
    forget('cluster.db', 'ca.pem', 'ca.key', 'master.key', 'cluster.token', 'cluster.toml', 'certs');
    await ok(t, 'restore', backup);
    await orca.startServer();
    await ready();
    await orca.serviceThat(
      'web',
      'to run',
      ({ status, release }) => status === 'running' && release === 'v2',
    );
  });
  t.same(await running(), before);
});

t.test('a backup that is older than what runs stops nothing, until somebody decides', async (t) => {
  await orca.deployed(file('c', 'b'));
  await ok(t, 'scale', 'shop', '3');
  await orca.serviceThat('shop', 'to have three', ({ running_replicas }) => running_replicas === 3);
  await waitFor('the old ones to be gone', async () => (await orca.containers()).length === 5);
  const before = await running();
  await lossless(t, load, async () => {
    await kill();
    const { stderr } = await ok(t, 'restore', backup, '--force');
    t.match(stderr, /what was there is kept in .*\.before-/);
    await orca.startServer();
    await held();
    const old = await orca.service('web');
    t.match(old.reason, /may run other copies than this master knows/);
    t.match(await ok(t, 'adopt'), { stdout: /default\/web · v3/ });
    t.same(await running(), before);
    await ok(t, 'adopt', '--apply');
    await ready();
    await orca.serviceThat(
      'web',
      'to run',
      ({ status, release }) => status === 'running' && release === 'v3',
    );
    await orca.serviceThat('shop', 'to have three', ({ running_replicas }) => running_replicas === 3);
  });
  t.same(await running(), before);
  t.match((await ok(t, 'history', 'web')).stdout, /v2/, 'what the backup knew of earlier releases is there');
});

t.test('everything of Orca lost, and its processes: a backup finds its containers', async (t) => {
  await ok(t, 'scale', 'shop', '2');
  await waitFor('the third to be gone', async () => (await orca.containers()).length === 4);
  await ok(t, 'backup', backup, '--force');
  const before = await running();
  for (const { pid } of processesOf(orca.home)) await killHard(pid);
  forget(...readdirSync(orca.home));
  await ok(t, 'restore', backup);
  await orca.startServer();
  await ready();
  await orca.serviceThat('web', 'to run', ({ status }) => status === 'running');
  await waitFor('an answer', async () => (await orca.get('web.localhost')).headers['x-release'] === 'c');
  t.same(await running(), before);
});

t.test('everything lost but an older backup: the labels of containers say what runs', async (t) => {
  await orca.deployed(file('a', 'b'));
  await waitFor('the old ones to be gone', async () => (await orca.containers()).length === 4);
  const before = await running();
  for (const { pid } of processesOf(orca.home)) await killHard(pid);
  forget(...readdirSync(orca.home));
  await ok(t, 'restore', backup);
  await orca.startServer();
  const { reason } = await held();
  t.match(reason, /runs 2 containers that this master does not know/);
  const shown = (await ok(t, 'adopt', '--json')).json<AdoptReply>();
  t.match(shown, { nodes: [{ source: 'labels', copies: 4 }], conflicts: [], missing: [] });
  t.same(await running(), before);
  await ok(t, 'adopt', '--apply');
  await ready();
  await orca.serviceThat('web', 'to run', ({ status, release }) => status === 'running' && release === 'v4');
  t.same(await running(), before);
  await waitFor('an answer', async () => (await orca.get('web.localhost')).headers['x-release'] === 'a');
});
