/**
 * Two real hosts whose master loses its store, under load: the agent of the other host comes back by itself, both are taken over,
 * and a fresh home of a backup knows them too. No container and no request notices.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { AdoptReply } from '../../shared/api-adopt.js';
import { startCluster } from '../support/cluster.js';
import type { LoadMix } from '../support/load.js';
import { lossless } from '../support/lossless.js';
import { killHard } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

t.setTimeout(300_000);
const cluster = await startCluster(2);
t.teardown(() => cluster.stop());
const { orca } = cluster;
await cluster.loadApp({ a: 'orca-e2e/adopt-cluster:a', b: 'orca-e2e/adopt-cluster:b' });
const domain = 'web.localhost';
const file = (release: string) =>
  serviceToml({ name: 'web', image: `orca-e2e/adopt-cluster:${release}`, domain, replicas: 4 });
const mix: LoadMix = { busy: 2, think: 4, fresh: 2, http2: 2, post: 2, slow: 2, socket: 4 };
const load = { target: orca.target(domain), mix, lifetimeMs: 2_500 };

const ok = async (t: Test, ...args: string[]) => {
  const result = await orca.run(args);
  t.equal(result.code, 0, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result;
};
const ids = async () =>
  [...(await cluster.containers())].map(([host, all]) => [host, all.map(({ Id }) => Id).sort()]);
const running = () =>
  orca.serviceThat(
    'web',
    'to run',
    ({ status, allocations }) =>
      status === 'running' && allocations.length === 4 && allocations.every((a) => a.routed),
  );

t.test('the store is lost: both hosts are taken over', async (t) => {
  await orca.deployed(file('a'));
  await running();
  const before = await ids();
  await lossless(t, load, async () => {
    await killHard(orca.pid('server'));
    rmSync(join(orca.home, 'cluster.db'), { recursive: true });
    await orca.startServer();
    for (const name of ['h1', 'h2'])
      await cluster.nodeThat(name, 'to be held', ({ reason }) => /held/.test(reason ?? ''));
    const shown = (await ok(t, 'adopt', '--json')).json<AdoptReply>();
    t.match(shown, { nodes: [{ copies: 2 }, { copies: 2 }], missing: [], conflicts: [] });
    await ok(t, 'adopt', '--apply');
    await running();
  });
  t.same(await ids(), before);
});

t.test('a fresh home of a backup: the agents connect again, and nothing is touched', async (t) => {
  await orca.deployed(file('b'));
  await running();
  await waitFor('the old ones to be gone', async () =>
    [...(await cluster.containers()).values()].every((all) => all.length === 2),
  );
  const before = await ids();
  const backup = join(orca.folder, 'backup.tar');
  await lossless(t, load, async () => {
    await ok(t, 'backup', backup);
    await killHard(orca.pid('server'));
    for (const name of ['cluster.db', 'ca.pem', 'ca.key', 'master.key', 'cluster.token', 'cluster.toml'])
      rmSync(join(orca.home, name), { recursive: true });
    await ok(t, 'restore', backup);
    await orca.startServer();
    for (const name of ['h1', 'h2'])
      await cluster.nodeThat(name, 'to be ready', ({ state }) => state === 'ready');
    await running();
  });
  t.same(await ids(), before);
});
