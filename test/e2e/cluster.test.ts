/**
 * Three real hosts, each with its own network and Docker: six copies spread over them are served by the ingress of one, and
 * nothing that is done to them or to an agent loses a request. A host that is cut
 * off is missed, and comes back as it was; for longer, and it is done without.
 */
import { connect } from 'node:net';
import t from 'tap';
import { startCluster } from '../support/cluster.js';
import type { SeenContainer } from '../support/docker.js';
import type { LoadMix } from '../support/load.js';
import { lossless } from '../support/lossless.js';
import { serviceToml } from '../support/service-toml.js';
import type { BedHost } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

const cluster = await startCluster(3, { lostAfter: '25s' });
t.teardown(() => cluster.stop());
const { orca, bed } = cluster;
const [, second, third] = bed.hosts as [BedHost, BedHost, BedHost];
await cluster.loadApp({ a: 'orca-e2e/cluster:a', b: 'orca-e2e/cluster:b' });

const domain = 'web.localhost';
const file = (release: string) =>
  serviceToml({ name: 'web', image: `orca-e2e/cluster:${release}`, domain, replicas: 6 });
const mix: LoadMix = { busy: 2, think: 4, fresh: 2, http2: 2, post: 2, slow: 2, sse: 2, socket: 6 };
const load = { target: orca.target(domain), mix, lifetimeMs: 2_500 };

t.test(
  'six copies are spread two by two, and the ingress of the first host is answered by all',
  async (t) => {
    await orca.deployed(file('a'));
    t.same(await spread(), { h1: 2, h2: 2, h3: 2 });
    t.equal((await answering(6)).size, 6);
  },
);

t.test('a copy is reached at its node’s advertised address, and at no other of that host', async (t) => {
  for (const host of bed.hosts) {
    const other = host.address.replace(/\d+$/, (last) => `${100 + Number(last)}`);
    host.run(['ip', 'address', 'add', `${other}/24`, 'dev', 'eth0']);
    const inside: string[] = host.run(['ip', '-4', '-o', 'address']).match(/(?<=inet )[\d.]+/g) ?? [];
    t.ok(inside.includes(other) && inside.includes('127.0.0.1'), inside.join(' '));
    for (const { Ports } of (await cluster.containers()).get(host.name) ?? []) {
      const port = Ports.find(({ PrivatePort }) => PrivatePort === 8_080)?.PublicPort ?? 0;
      t.ok(await opens(host.address, port), `${host.address}:${port}, from outside`);
      t.notOk(await opens(other, port), `${other}:${port}, from outside`);
      t.same(
        inside.filter((address) => opensInside(host, address, port)),
        [host.address],
        'on the host itself',
      );
    }
  }
});

t.test('a copy on another node that is not ready gets no requests', async (t) => {
  const [copy] = (await cluster.containers()).get('h2') ?? [];
  const at = `http://${second.address}:${copy?.Ports.find(({ PrivatePort }) => PrivatePort === 8_080)?.PublicPort}`;
  await fetch(`${at}/health/fail`);
  await orca.serviceThat('web', 'to say so', ({ allocations }) =>
    allocations.some(({ state, routed }) => state === 'unready' && !routed),
  );
  await waitFor('what Caddy had asked for before to be old', async () => {
    const hosts = await Promise.all(Array.from({ length: 30 }, () => orca.get(domain)));
    return hosts.every(({ headers }) => headers['x-host'] !== copy?.Id.slice(0, 12));
  });
  t.equal((await answering(5)).size, 5);
  second.run(['docker', '-H', second.docker, 'kill', copy?.Id ?? '']);
  await settled(6);
});

t.test('a rolling update over three nodes loses nothing', { timeout: 300_000 }, async (t) => {
  await lossless(t, load, async () => {
    for (const release of ['b', 'a']) await orca.deployed(file(release));
  });
  t.same(await spread(), { h1: 2, h2: 2, h3: 2 });
});

t.test('scaling over three nodes loses nothing', { timeout: 300_000 }, async (t) => {
  await lossless(t, load, async () => {
    for (const replicas of [9, 3, 6]) await scale(replicas);
  });
  t.same(await spread(), { h1: 2, h2: 2, h3: 2 });
});

t.test('nothing new comes to a cordoned node, and what is there stays', async (t) => {
  const before = ids(await cluster.containers()).get('h3');
  t.equal((await orca.run(['nodes', 'cordon', 'h3'])).code, 0);
  await cluster.nodeThat('h3', 'to be cordoned', ({ state }) => state === 'cordoned');
  await scale(9);
  const { h3, ...others } = await spread();
  t.equal(h3, 2);
  t.same(
    Object.values(others).sort(),
    [3, 4],
    'which of two that are alike gets the odd one is left to their ids',
  );
  t.same(ids(await cluster.containers()).get('h3'), before);
  t.equal((await orca.run(['nodes', 'uncordon', 'h3'])).code, 0);
  await scale(6);
});

t.test(
  'kill -9 of an agent loses nothing; the next one adopts what runs',
  { timeout: 120_000 },
  async (t) => {
    const before = ids(await cluster.containers());
    await lossless(t, load, async () => {
      await cluster.killAgent(second);
      await cluster.nodeThat('h2', 'to be missed', ({ state }) => state === 'degraded');
      t.equal((await answering(6)).size, 6, 'its copies are served on');
      await cluster.nodeThat('h2', 'to be silent for too long', ({ state }) => state === 'unreachable');
      cluster.startAgent(second);
      await cluster.nodeThat('h2', 'to be back', ({ state }) => state === 'ready');
      await settled(6);
    });
    t.same(ids(await cluster.containers()), before);
  },
);

t.test('a host that is cut off is missed 15 s after its last word, and comes back as it was', async (t) => {
  const before = ids(await cluster.containers());
  third.cut();
  const cutAtMs = Date.now();
  await cluster.nodeThat('h3', 'to be missed', ({ state }) => state === 'unreachable');
  const missedMs = Date.now() - cutAtMs;
  t.ok(missedMs > 9_000 && missedMs < 20_000, `unreachable after ${missedMs} ms`);
  const { allocations } = await orca.service('web');
  t.same(
    allocations.filter(({ node }) => node === 'h3').map(({ state }) => state),
    ['unknown', 'unknown'],
  );
  third.heal();
  const healedAtMs = Date.now();
  await cluster.nodeThat('h3', 'to be back', ({ state }) => state === 'ready');
  await settled(6);
  t.comment(`unreachable after ${missedMs} ms, back ${Date.now() - healedAtMs} ms after it was healed`);
  t.same(ids(await cluster.containers()), before);
  t.equal((await answering(6)).size, 6);
});

t.test(
  'a host that is cut off for longer than lost_after is done without, under load, also by a rollout',
  { timeout: 300_000 },
  async (t) => {
    const wanted = (nodes: string[]) => (allocations: { node: string; state: string; routed: boolean }[]) =>
      allocations.filter(({ node, state, routed }) => nodes.includes(node) && state === 'ready' && routed);
    third.cut();
    const cutAtMs = Date.now();
    await cluster.nodeThat('h3', 'to be missed', ({ state }) => state === 'unreachable');
    await lossless(t, load, async () => {
      await cluster.nodeThat('h3', 'to be lost', ({ state }) => state === 'lost');
      const lostMs = Date.now() - cutAtMs;
      t.ok(lostMs > 19_000, `lost after ${lostMs} ms, not before`);
      const here = wanted(['h1', 'h2']);
      await orca.serviceThat(
        'web',
        'to have six elsewhere',
        ({ allocations }) => here(allocations).length === 6,
      );
      t.comment(`lost after ${lostMs} ms, six serve elsewhere after ${Date.now() - cutAtMs} ms`);
      await orca.deployed(file('b'));
    });
    const there = (await cluster.containers()).get('h3')?.length;
    t.equal(there, 2, 'the host that is cut off goes on');
    await lossless(t, load, async () => {
      third.heal();
      const healedAtMs = Date.now();
      await cluster.nodeThat('h3', 'to be back', ({ state }) => state === 'ready');
      await settled(6);
      await waitFor(
        'what was replaced to be gone',
        async () => (await cluster.containers()).get('h3')?.length === 0,
      );
      t.comment(`none too many ${Date.now() - healedAtMs} ms after it was healed`);
    });
    const counts = [...(await cluster.containers()).values()].map((list) => list.length);
    t.equal(
      counts.reduce((sum, n) => sum + n),
      6,
      counts.join(' + '),
    );
    t.equal((await answering(6)).size, 6);
  },
);

t.test(
  'a host whose Docker is killed is degraded, never lost, and has what it had',
  { timeout: 120_000 },
  async (t) => {
    await third.killDaemon();
    await cluster.nodeThat(
      'h3',
      'to be degraded',
      ({ state, reason }) => state === 'degraded' && /Docker/.test(reason ?? ''),
    );
    const { allocations } = await orca.service('web');
    t.equal(allocations.length, 6, 'nothing was placed anew');
    await third.startDaemon();
    await cluster.nodeThat('h3', 'to be back', ({ state }) => state === 'ready');
    await settled(6);
  },
);

t.test(
  'over a cable that takes 200 ms and loses 5 %, nothing is lost and nobody is missed',
  { timeout: 300_000 },
  async (t) => {
    third.slow('200ms', '5%');
    const states = new Set<string>();
    const startMs = Date.now();
    await lossless(t, load, async () => {
      for (const release of ['a', 'b']) await orca.deployed(file(release));
      t.comment(`two updates of six copies after ${Date.now() - startMs} ms`);
      for (const replicas of [9, 6]) {
        await scale(replicas);
        states.add((await cluster.node('h3')).state);
      }
    });
    t.same([...states], ['ready']);
    t.same(await spread(), { h1: 2, h2: 2, h3: 2 });
    const [victim] = (await cluster.containers()).get('h3') ?? [];
    third.run(['docker', '-H', third.docker, 'kill', victim?.Id ?? '']);
    const killedMs = Date.now();
    await orca.serviceThat('web', 'to miss it', ({ status }) => status !== 'running');
    await settled(6);
    t.comment(`a killed copy there was replaced after ${Date.now() - killedMs} ms`);
    t.same(await spread(), { h1: 2, h2: 2, h3: 2 });
    third.heal();
  },
);

async function scale(replicas: number): Promise<void> {
  const result = await orca.run(['scale', 'web', `${replicas}`]);
  if (result.code !== 0) throw new Error(result.stdout + result.stderr);
  await settled(replicas);
}

async function settled(replicas: number): Promise<void> {
  await orca.serviceThat(
    'web',
    `to have ${replicas}`,
    ({ status, allocations }) =>
      status === 'running' &&
      allocations.length === replicas &&
      allocations.every(({ state, routed }) => state === 'ready' && routed),
  );
}

/** Allocations by node, as the master says; the containers must be as many. */
async function spread(): Promise<Record<string, number>> {
  const { allocations } = await orca.service('web');
  const counts: Record<string, number> = {};
  for (const { node } of allocations) counts[node] = (counts[node] ?? 0) + 1;
  const seen = [...(await cluster.containers())].map(([name, list]) => [name, list.length]);
  if (JSON.stringify(Object.fromEntries(seen)) !== JSON.stringify(sorted(counts)))
    throw new Error(`${JSON.stringify(counts)} wanted, containers: ${JSON.stringify(seen)}`);
  return sorted(counts);
}

const sorted = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The containers that answered, asked until there were so many. */
async function answering(count: number): Promise<Set<string>> {
  const hosts = new Set<string>();
  await waitFor(`${count} to answer`, async () => {
    hosts.add(String((await orca.get(domain)).headers['x-host']));
    return hosts.size >= count;
  });
  return hosts;
}

const ids = (all: Map<string, SeenContainer[]>): Map<string, string[]> =>
  new Map([...all].map(([host, list]) => [host, list.map(({ Id }) => Id).sort()]));

function opens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const answer = (open: boolean) => (): void => {
      socket.destroy();
      resolve(open);
    };
    socket.on('connect', answer(true)).on('error', answer(false)).on('timeout', answer(false));
  });
}

function opensInside(host: BedHost, address: string, port: number): boolean {
  try {
    return host.run(['curl', '-sS', '--max-time', '2', `http://${address}:${port}/health`]) === 'ok\n';
  } catch {
    return false;
  }
}
