/**
 * The life of nodes, on three real hosts and under load: drained and filled again, given the ingress role and relieved of it,
 * and removed. Nothing of it loses a request, and nothing is left where it was taken away.
 */
import t from 'tap';
import { startCluster } from '../support/cluster.js';
import type { LoadMix } from '../support/load.js';
import { lossless } from '../support/lossless.js';
import { killHard } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import type { BedHost } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

t.setTimeout(300_000);
const cluster = await startCluster(3);
t.teardown(() => cluster.stop());
const { orca, bed } = cluster;
const [, second] = bed.hosts as [BedHost, BedHost, BedHost];
await cluster.loadApp({ a: 'orca-e2e/nodes:a', b: 'orca-e2e/nodes:b' });

const domain = 'web.localhost';
const file = (release: string) =>
  serviceToml(
    { name: 'web', image: `orca-e2e/nodes:${release}`, domain, replicas: 6 },
    {
      name: 'pinned',
      image: 'orca-e2e/nodes:a',
      lines: ['placement = { labels = { disk = "ssd" } }'],
    },
  );
const mix: LoadMix = { busy: 2, think: 4, fresh: 2, http2: 2, post: 2, slow: 2, sse: 2, socket: 6 };
const load = { target: orca.target(domain), mix, lifetimeMs: 2_500 };
const loadThrough = ({ address }: BedHost) => ({ ...load, target: { ...load.target, address } });

t.test('a label that a service asks for says where it goes', async (t) => {
  t.match(await orca.run(['nodes', 'label', 'h3', 'disk=ssd', 'zone=x']), {
    stdout: 'h3: disk=ssd, zone=x\n',
  });
  t.match(await orca.run(['nodes', 'label', 'h3', 'zone-']), { stdout: 'h3: disk=ssd\n' });
  await orca.deployed(file('a'));
  t.match((await orca.service('pinned')).allocations, [{ node: 'h3' }]);
  t.same(await spread(), { h1: 2, h2: 2, h3: 2 });
});

t.test('a drain names what can’t leave, waits for it, and goes on after kill -9 of the master', async (t) => {
  await lossless(t, load, async () => {
    const late = await orca.run(['nodes', 'drain', 'h3', '--timeout', '1s']);
    t.match(late, { code: 1, stderr: /the drain of h3 is not done after 1s/ });
    await killHard(orca.pid('server'));
    await orca.startServer();
    const node = await cluster.nodeThat(
      'h3',
      'to be held up',
      ({ allocations, drain_status }) => allocations === 1 && drain_status?.moving === null,
    );
    t.match(node, { state: 'draining', drain: true, drain_status: { done_at: null } });
    t.match(
      node.reason,
      /1 left; default\/pinned stays: no other node can take it: 3 nodes: 1 draining, 2 without label/,
    );
    t.same(await spread(), { h1: 3, h2: 3 });
    t.equal((await orca.run(['nodes', 'label', 'h2', 'disk=ssd'])).code, 0);
    const drained = await orca.run(['nodes', 'drain', 'h3']);
    t.match(drained, { code: 0, stdout: /ok h3 is drained/ });
  });
  t.same((await cluster.containers()).get('h3'), []);
  t.match(await cluster.node('h3'), { state: 'drained' });
  t.match((await orca.run(['nodes'])).stdout, /h3 +drained .* nothing is left on it/);
});

t.test('nothing comes back by itself, and a rebalance makes it even', async (t) => {
  t.equal((await orca.run(['nodes', 'undrain', 'h3'])).code, 0);
  await cluster.nodeThat('h3', 'to be ready', ({ state }) => state === 'ready');
  t.same(await spread(), { h1: 3, h2: 3 });
  await lossless(t, load, async () => {
    t.match(await orca.run(['rebalance', 'web', '--dry-run']), {
      stdout: /2 copies of web would move\n.*→ h3\n/,
    });
    t.match(await orca.run(['rebalance', 'web']), { code: 0, stdout: /will move, one after the other/ });
    await settled();
  });
  t.same(await spread(), { h1: 2, h2: 2, h3: 2 });
  t.match(await orca.run(['rebalance', 'web']), { code: 0, stdout: /spread evenly/ });
});

t.test('a second ingress serves the same, and no update or drain loses a request through it', async (t) => {
  t.match(await orca.run(['nodes', 'role', 'h2', 'ingress']), { code: 0, stdout: /h2 has the role ingress/ });
  await cluster.nodeThat(
    'h2',
    'to be an ingress',
    (n) => n.ingress && n.caddy !== null && n.state === 'ready',
  );
  await settled();
  await lossless(t, load, async () => {
    await lossless(t, loadThrough(second), async () => {
      await orca.deployed(file('b'));
      t.equal((await orca.run(['nodes', 'drain', 'h2'])).code, 0);
    });
  });
  t.same((await cluster.containers()).get('h2'), []);
  t.equal((await orca.run(['nodes', 'undrain', 'h2'])).code, 0);
});

t.test('without the role its Caddy ends; the last ingress stays', async (t) => {
  t.match(await orca.run(['nodes', 'rm', 'h2']), { code: 1, stderr: /h2 has the ingress role/ });
  t.equal((await orca.run(['nodes', 'role', 'h2', 'worker'])).code, 0);
  const { port } = orca.target(domain);
  const isOpen = () => second.run(['sh', '-c', `ss -ltn | grep -c ':${port} ' || true`]).trim() !== '0';
  await waitFor('its port to be closed', () => !isOpen());
  t.match(await orca.run(['nodes', 'role', 'h1', 'worker']), {
    code: 1,
    stderr: /only node with the ingress role/,
  });
});

t.test('a node that is removed is let in no more, and nothing is missing', async (t) => {
  t.match(await orca.run(['nodes', 'rm', 'h3']), {
    code: 1,
    stderr: /allocations are on h3 \(default\/.*web\)/,
  });
  t.match(await orca.run(['nodes', 'rm', 'h1', '--force']), { code: 1, stderr: /the master's own node/ });
  await lossless(t, load, async () => {
    t.equal((await orca.run(['nodes', 'drain', 'h3'])).code, 0);
    t.match(await orca.run(['nodes', 'rm', 'h3']), { code: 0, stdout: 'node h3 is removed\n' });
    await settled();
  });
  const { nodes, services } = await orca.status();
  t.same(nodes.map(({ name }) => name).sort(), ['h1', 'h2']);
  t.match(
    services.find(({ name }) => name === 'web'),
    { running_replicas: 6, status: 'running' },
  );
  await waitFor('its agent to be told', () => /4404|was removed/.test(cluster.agentLog('h3')));
});

t.test('what is on a live node that is given up is stopped there, by its agent alone', async (t) => {
  t.not((await cluster.containers()).get('h2')?.length, 0);
  t.match(await orca.run(['nodes', 'rm', 'h2', '--force']), {
    code: 0,
    stdout: /^node h2 is removed; what Orca runs there is being stopped\n$/,
  });
  await waitFor(
    'its containers to be gone',
    async () => (await cluster.containers()).get('h2')?.length === 0,
  );
  await waitFor('its agent to be told', () => /4404|was removed/.test(cluster.agentLog('h2')));
  await settled();
  t.same(
    (await orca.status()).nodes.map(({ name }) => name),
    ['h1'],
  );
});

async function settled(): Promise<void> {
  await orca.serviceThat(
    'web',
    'to have six that serve',
    ({ status, allocations }) =>
      status === 'running' &&
      allocations.length === 6 &&
      allocations.every(({ state, routed }) => state === 'ready' && routed),
  );
}

/** Allocations of web by node. */
async function spread(): Promise<Record<string, number>> {
  const { allocations } = await orca.service('web');
  const counts: Record<string, number> = {};
  for (const { node } of [...allocations].sort((a, b) => (a.node < b.node ? -1 : 1)))
    counts[node] = (counts[node] ?? 0) + 1;
  return counts;
}
