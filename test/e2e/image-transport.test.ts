/**
 * Three real hosts without a registry: an image that is on one of them runs on all, comes once and only as far as it lacks there,
 * straight or through the master, and from another that has it when the first is gone.
 */
import { appendFileSync } from 'node:fs';
import t from 'tap';
import { type Came, cameIn } from '../support/came.js';
import { startCluster } from '../support/cluster.js';
import { dockerCall, dockerJson } from '../support/docker.js';
import { withLayer } from '../support/layered-image.js';
import {
  type RealRegistry,
  registryPassword,
  registryUser,
  startRegistry,
} from '../support/real-registry.js';
import { foundBelow } from '../support/search-bytes.js';
import { serviceToml } from '../support/service-toml.js';
import type { BedHost } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

const cluster = await startCluster(3, { lostAfter: '10m' });
t.teardown(() => cluster.stop());
const { orca, bed } = cluster;
const [, second, third] = bed.hosts as [BedHost, BedHost, BedHost];
const MiB = 1024 ** 2;
const BASE = 12 * MiB;

const file = (image: string, replicas: number, lines: string[] = []) =>
  serviceToml({
    ...{ name: 'app', image, replicas, port: null, lines: ['pull = "never"'] },
    readiness: ['command = ["/bin/echo"]', 'interval_secs = 0.2'],
    deploy: ['stop_grace_secs = 0.2', 'max_surge = 3', ...lines],
  });

/** What came to a host of an image, as its agent says. */
const came = (host: string, imageId: string): Came[] =>
  cameIn(host === 'h1' ? orca.log() : cluster.agentLog(host), imageId);

async function imagesOf(replicas: number): Promise<Record<string, string[]>> {
  await orca.serviceThat(
    'app',
    'to be ready everywhere',
    ({ allocations }) =>
      allocations.length === replicas && allocations.every(({ state }) => state === 'ready'),
  );
  const seen = await cluster.containers();
  return Object.fromEntries(
    [...seen].map(([host, all]) => [host, all.filter((c) => c.State === 'running').map((c) => c.ImageID)]),
  );
}

let first = '';
/** For the tests with a registry. */
const kept: { registry: RealRegistry | null; tag: string } = { registry: null, tag: '' };
t.teardown(() => kept.registry?.stop());
t.test('an image that is on one host comes to the others', async (t) => {
  await withLayer({ tag: 'carried:base', from: null, bytes: BASE }, second.docker);
  first = await withLayer({ tag: 'carried:1', from: 'carried:base', bytes: MiB }, second.docker);
  await orca.deployed(file('carried:1', 3));
  t.same(await imagesOf(3), { h1: [first], h2: [first], h3: [first] });
  for (const host of ['h1', 'h3']) {
    const [one, ...more] = came(host, first);
    t.equal(one?.via, 'direct');
    t.ok(Number(one?.bytes) > BASE + MiB, `${one?.bytes} bytes`);
    t.same(more, []);
  }
  t.same(came('h2', first), []);
});

t.test('of the next one only the layer that is new is sent', async (t) => {
  const next = await withLayer({ tag: 'carried:2', from: 'carried:base', bytes: MiB }, second.docker);
  await orca.deployed(file('carried:2', 3));
  t.same(await imagesOf(3), { h1: [next], h2: [next], h3: [next] });
  for (const host of ['h1', 'h3']) {
    const [one] = came(host, next);
    t.ok(Number(one?.bytes) > MiB && Number(one?.bytes) < 1.2 * MiB, `${one?.bytes} bytes`);
  }
});

t.test('through the master, where a host can not be reached by the others', async (t) => {
  const reject = ['INPUT', '-p', 'tcp', '--dport', '6881', '-j', 'REJECT'];
  second.run(['iptables', '-I', ...reject]);
  const next = await withLayer({ tag: 'carried:3', from: 'carried:base', bytes: MiB }, second.docker);
  await orca.deployed(file('carried:3', 3));
  t.same(await imagesOf(3), { h1: [next], h2: [next], h3: [next] });
  const all = ['h1', 'h3'].flatMap((host) => came(host, next));
  t.equal(all.length, 2);
  t.ok(all.some(({ from, via }) => from === 'h2' && via === 'master'));
  // The second may have come from the first, which can be reached.
  t.ok(all.every(({ from, via }) => (from === 'h2') === (via === 'master')));
  second.run(['iptables', '-D', ...reject]);
});

t.test('from another one that has it by now, when the first is gone', { timeout: 120_000 }, async (t) => {
  const { id } = await imageOn(second, 'carried:3');
  await cluster.killAgent(second);
  await without(third, id);
  await waitFor('the image to be back', async () => came('h3', id).length === 2, { timeoutMs: 60_000 });
  t.match(came('h3', id)[1], { from: 'h1' });
  cluster.startAgent(second);
  await cluster.nodeThat('h2', 'to be back', ({ state }) => state === 'ready');
  t.same(await imagesOf(3), { h1: [id], h2: [id], h3: [id] });
});

t.test(
  'the reason is shown while nobody has it, and it goes on when one is back',
  { timeout: 120_000 },
  async (t) => {
    const lone = await withLayer({ tag: 'carried:4', from: 'carried:base', bytes: MiB }, second.docker);
    await orca.deployed(file('carried:4', 1, ['[service.placement]', 'node = "h3"']));
    await cluster.killAgent(second);
    await without(third, lone);
    const waits = (one: { reason: string | null }): boolean => /h2 has it and can't/.test(one.reason ?? '');
    const { allocations } = await orca.serviceThat(
      'app',
      'to say what it waits for',
      (service) => service.allocations.some(waits),
      60_000,
    );
    t.match(allocations.find(waits), {
      state: 'pulling',
      reason: /carried:4 is not on this node; h2 has it and can't be reached: .*; through the master: /,
    });
    cluster.startAgent(second);
    await orca.serviceThat(
      'app',
      'to be up again',
      (s) => s.allocations.some(({ node, state }) => node === 'h3' && state === 'ready'),
      60_000,
    );
    t.match(came('h3', lone), [{ from: 'h2' }, { from: 'h2' }]);
  },
);

t.test('what is cut inside a layer goes on where it stopped', async (t) => {
  // Each connection of h3 to h2 is cut when it has brought 8 MiB: without going on, a layer of 20 MiB never comes.
  const cut = [
    ...['INPUT', '-p', 'tcp', '-s', third.address, '--dport', '6881'],
    ...[
      '-m',
      'connbytes',
      '--connbytes',
      `${8 * MiB}:`,
      '--connbytes-dir',
      'reply',
      '--connbytes-mode',
      'bytes',
    ],
    ...['-j', 'REJECT', '--reject-with', 'tcp-reset'],
  ];
  const large = await withLayer({ tag: 'carried:cut', from: 'carried:base', bytes: 20 * MiB }, second.docker);
  second.run(['iptables', '-I', ...cut]);
  await orca.deployed(file('carried:cut', 1, ['[service.placement]', 'node = "h3"']));
  second.run(['iptables', '-D', ...cut]);
  const [one, ...more] = came('h3', large);
  t.match(one, { from: 'h2', via: 'direct' });
  t.ok(Number(one?.bytes) > 20 * MiB && Number(one?.bytes) < 24 * MiB, `${one?.bytes} bytes`);
  t.same(more, []);
});

t.test('an image that is nowhere fails the deploy, with what to do', async (t) => {
  const { code, stderr, stdout } = await orca.deploy(file('carried:none', 1));
  t.equal(code, 1);
  t.match(
    stderr + stdout,
    /image "carried:none" is on no node \(asked: .*h2.*\) and pull is "never"; load it on one of them/,
  );
});

t.test(
  'with a registry it is pushed there and pulled from there, by who logged in',
  { timeout: 120_000 },
  async (t) => {
    const registry = await startRegistry(bed.names.gateway);
    kept.registry = registry;
    appendFileSync(
      `${orca.home}/cluster.toml`,
      `\n[registry]\nhost = "${registry.host}"\nrepository = "team/images"\n`,
    );
    t.equal((await orca.run(['reload'])).code, 0);
    const login = ['registry', 'login', registry.host, '--username', registryUser];
    const pushed = await withLayer({ tag: 'carried:5', from: 'carried:base', bytes: MiB }, second.docker);
    t.equal((await orca.run(login, { stdin: 'a wrong password\n' })).code, 0);
    t.equal((await orca.deploy(file('carried:5', 3), ['--detach'])).code, 0);
    const refused =
      /team\/images\/carried:\w+ could not be pushed: .*(unauthorized|no basic auth).*orca registry login/i;
    await orca.serviceThat('app', 'to say why', ({ allocations }) =>
      allocations.some(({ reason }) => refused.test(reason ?? '')),
    );
    t.equal((await orca.run(login, { stdin: `${registryPassword}\n` })).code, 0);
    await orca.serviceThat(
      'app',
      'to be rolled out',
      (s) => s.status === 'running' && s.allocations.length === 3,
      60_000,
    );
    t.same(await imagesOf(3), { h1: [pushed], h2: [pushed], h3: [pushed] });
    kept.tag = pushed.slice(7, 23);
    for (const host of ['h1', 'h3']) t.match(came(host, pushed), [{ via: 'registry', from: registry.host }]);
    t.match((await orca.run(['registry', 'list'])).stdout, new RegExp(`${registry.host}\\s+${registryUser}`));
    const homes = [orca.home, ...[second, third].map(({ folder }) => `${folder}/orca`)];
    t.same(
      homes.flatMap((home) => foundBelow(home, [registryPassword])),
      [],
      'the password is in no file',
    );
    t.notMatch(orca.log() + cluster.agentLog('h2') + cluster.agentLog('h3'), registryPassword);
  },
);

t.test('an ordinary pull is by who logged in, too, and says what to do when nobody has', async (t) => {
  const { registry, tag } = kept;
  const pulled = serviceToml({
    ...{
      name: 'pulled',
      image: `${registry?.host}/team/images/carried:${tag}`,
      port: null,
      lines: ['pull = "always"'],
    },
    readiness: ['command = ["/bin/echo"]', 'interval_secs = 0.2'],
    deploy: ['stop_grace_secs = 0.2'],
  });
  await orca.deployed(pulled);
  t.equal((await orca.run(['registry', 'logout', registry?.host ?? ''])).code, 0);
  const { code, stdout, stderr } = await orca.run(['redeploy', 'pulled']);
  t.equal(code, 1);
  t.match(
    stdout + stderr,
    /(no basic auth credentials|unauthorized).*; log in to that registry: `orca registry login HOST/i,
  );
});

async function imageOn(host: BedHost, tag: string): Promise<{ id: string }> {
  const { Id } = await dockerJson<{ Id: string }>('GET', `/images/${tag}/json`, undefined, host.docker);
  return { id: Id };
}

/** As if its disk had been cleared: container and image go while its agent is away. */
async function without(host: BedHost, imageId: string): Promise<void> {
  await cluster.killAgent(host);
  for (const { Id } of (await cluster.containers()).get(host.name) ?? [])
    await dockerCall('DELETE', `/containers/${Id}?force=true`, undefined, host.docker);
  const removed = await dockerCall('DELETE', `/images/${imageId}?force=true`, undefined, host.docker);
  if (removed.status !== 200) throw new Error(removed.text);
  cluster.startAgent(host);
}
