/**
 * Names across two real hosts: a container on the first finds a service whose only copies run on the second, under its name, its
 * alias and its full name; what is done to that service under steady connections from inside loses none; another project's
 * name leads nowhere; and what it costs when the agent or what serves names is killed is counted.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { hostResolvers } from '../../discovery/host-resolvers.js';
import { startCluster } from '../support/cluster.js';
import type { InnerReport } from '../support/inner-load.js';
import { killHard, processesOf } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import type { BedHost } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

const cluster = await startCluster(2);
t.teardown(() => cluster.stop());
const { orca, bed } = cluster;
const [first, second] = bed.hosts as [BedHost, BedHost];

// The name server that this machine asks, for hosts that reach none.
const outside = 'outside.example';
for (const host of bed.hosts) {
  const [address = ''] = hostResolvers().servers;
  host.run(['ip', 'address', 'add', `${address}/32`, 'dev', 'lo']);
  host.run(['iptables', '-A', 'INPUT', '-d', address, '-j', 'ACCEPT']);
  const program = fileURLToPath(new URL('../support/tiny-dns.js', import.meta.url));
  const server = host.spawn([process.execPath, program, address, outside], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (server.stdout) await once(server.stdout, 'data');
}
// A firewall that lets nothing in from containers, as ufw's.
const dropped = ['-s', '172.16.0.0/12', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'DROP'];
for (const host of bed.hosts) host.run(['iptables', '-A', 'INPUT', ...dropped]);
await cluster.loadApp({ a: 'orca-e2e/names:a', b: 'orca-e2e/names:b' });

const on = (node: string) => ['', '[service.placement]', `node = "${node}"`];
const client = serviceToml({
  name: 'client',
  image: 'orca-e2e/names:a',
  domain: 'client.localhost',
  deploy: on('h1'),
});
const back = (release: string, replicas = 2): string =>
  serviceToml({
    name: 'back',
    image: `orca-e2e/names:${release}`,
    replicas,
    lines: ['aliases = ["backend"]'],
    env: { ON_SIGTERM: 'drain' },
    deploy: ['drain_timeout_secs = 5', ...on('h2')],
  });

const names = ['back', 'backend', 'back.default.orca', 'backend.default.orca'];

t.test('a container finds a service on another host by name, alias and full name', async (t) => {
  await orca.deployed(`${client}\n${back('a')}`);
  const addresses = new Set<string>();
  for (const name of names) {
    const [found] = await lookup(name);
    addresses.add(found?.address ?? 'none');
    t.match((await inside(`/fetch?url=http://${name}:8080/`)).body, /hello from a/, name);
  }
  t.equal(addresses.size, 1, [...addresses].join());
  t.match([...addresses][0], /^10\.213\./);
  const nodes = (await orca.service('back')).allocations.map(({ node }) => node);
  t.same(nodes, ['h2', 'h2']);
});

t.test('what does not exist, and another project’s services, do not resolve', async (t) => {
  orca.write('services/other/service.toml', serviceToml({ name: 'secret', image: 'orca-e2e/names:a' }));
  const { code, stdout, stderr } = await orca.run(['deploy', 'secret']);
  t.equal(code, 0, stdout + stderr);
  for (const name of ['secret', 'secret.other.orca', 'nothing.default.orca'])
    t.match(JSON.stringify(await lookup(name)), /ENOTFOUND|EAI_AGAIN/, name);
  t.equal((await lookup('back')).length, 1);
  t.match(await lookup(outside), [{ address: '203.0.113.80' }], 'and others do');
});

t.test('a port that was not declared is refused at once', async (t) => {
  const startedAtMs = Date.now();
  const { status, body } = await inside('/fetch?url=http://back:8081/');
  t.equal(status, 502, body);
  t.ok(Date.now() - startedAtMs < 1_000);
});

t.test('a port that the ingress of that host holds is no hindrance', async (t) => {
  const port = serviceToml({
    name: 'eighty',
    image: 'orca-e2e/names:a',
    port: 80,
    env: { PORT: '80' },
    deploy: on('h1'),
  });
  await orca.deployed(`${client}\n${back('a')}\n${port}`);
  t.match((await inside('/fetch?url=http://eighty/')).body, /hello from a/);
});

t.test('rolling updates and scaling lose no connection from inside', { timeout: 300_000 }, async (t) => {
  const report = await underLoad(async () => {
    for (const release of ['b', 'a', 'b']) await orca.deployed(`${client}\n${back(release)}`);
    for (const replicas of ['4', '1', '2']) t.equal((await orca.run(['scale', 'back', replicas])).code, 0);
    await running('back', 2);
  });
  t.same(report.failures, {});
  t.ok(report.requests > 500 && (report.releases.a ?? 0) > 0 && (report.releases.b ?? 0) > 0);
  t.comment(JSON.stringify(report));
});

t.test('a container that is killed costs those that were connected to it only', async (t) => {
  await orca.deployed(`${client}\n${back('a')}`);
  const before = await underLoad(async () => {
    const [victim] = (await cluster.containers({ 'orca.service': 'back' })).get('h2') ?? [];
    second.run(['docker', '-H', second.docker, 'kill', victim?.Id ?? '']);
    await waitFor('another one', async () => {
      const { allocations } = await orca.service('back');
      return allocations.some(({ restarts }) => restarts > 0);
    });
    await running('back', 2);
  });
  t.comment(`docker kill: ${JSON.stringify(before)}`);
  t.notOk(before.failures.ECONNREFUSED, 'who is gone is passed over');
});

t.test('kill -9 of the agents and of the master costs nothing', { timeout: 120_000 }, async (t) => {
  const report = await underLoad(async () => {
    await cluster.killAgent(second);
    await killHard(orca.pid('agent'));
    await killHard(orca.pid('server'));
    t.match((await inside('/fetch?url=http://backend:8080/')).body, /hello/);
    await orca.startServer();
    cluster.startAgent(second);
    for (const { name } of bed.hosts)
      await cluster.nodeThat(name, 'to be back', ({ state }) => state === 'ready');
  });
  t.same(report.failures, {});
  t.ok(report.slowestMs < 2_000, 'no lookup had to be sent again');
  t.comment(JSON.stringify(report));
});

t.test('kill -9 of what serves names costs what is under way, and is over soon', async (t) => {
  const served = () => orca.pid('names');
  const before = served();
  let backMs = 0;
  const report = await underLoad(async () => {
    const killedAtMs = Date.now();
    await killHard(before);
    await waitFor('an answer', async () => (await lookup('back')).length === 1, { everyMs: 5 });
    backMs = Date.now() - killedAtMs;
    await waitFor('requests to go on', async () => (await loadReport()).requests > 300);
  });
  // The agent may start one too, which finds that another is there and ends.
  await waitFor('one to be left', () => served() !== before);
  t.ok(backMs < 5_000, `names again after ${backMs} ms`);
  t.notOk(report.failures.ECONNREFUSED, 'its standby holds the sockets');
  t.comment(`names again after ${backMs} ms: ${JSON.stringify(report)}`);
});

t.test('without what serves names, other names are resolved on', async (t) => {
  const pids = processesOf(orca.home).filter(({ command }) =>
    command.some((part) => part.endsWith('discovery-main.js')),
  );
  await killHard(orca.pid('server'));
  await killHard(orca.pid('agent'));
  for (const { pid } of pids) await killHard(pid);
  const gone = JSON.stringify(await lookup('back'));
  t.match(gone, /ENOTFOUND|EAI_AGAIN/, 'nobody is there to answer');
  const startedAtMs = Date.now();
  t.match(await lookup(outside), [{ address: '203.0.113.80' }]);
  t.ok(Date.now() - startedAtMs < 1_000, 'at once');
  await orca.startServer();
  await waitFor('names to be served again', async () => (await lookup('back')).length === 1);
});

t.test('nobody ready is refused at once; what runs nowhere leaves nothing on the host', async (t) => {
  t.match(first.run(['ip', 'route', 'show', 'table', 'local']), /local 10\.213\.0\.0\/16/);
  t.equal((await orca.run(['stop', 'back'])).code, 0);
  await waitFor('it to be refused', async () =>
    /ECONNREFUSED|fetch failed/.test((await inside('/fetch?url=http://back:8080/')).body),
  );
  t.equal((await lookup('back')).length, 1, 'its name and address stay');
  for (const service of ['client', 'back', 'eighty', 'secret']) await orca.run(['rm', service]);
  for (const host of bed.hosts) {
    await waitFor(`${host.name} to be clean`, () => {
      const rules = host.run(['iptables', '-t', 'nat', '-S']) + host.run(['iptables', '-S']);
      const routes = host.run(['ip', 'route', 'show', 'table', 'local']);
      return !/ORCA-/.test(rules) && !routes.includes('10.213.');
    });
  }
});

/** What the client answers to a request through the ingress. */
async function inside(path: string): Promise<{ status: number; body: string }> {
  const { status, body } = await orca.get('client.localhost', path);
  return { status, body: String(body) };
}

async function lookup(name: string): Promise<{ address: string }[]> {
  return JSON.parse((await inside(`/lookup?name=${name}`)).body) as { address: string }[];
}

const loadReport = async (): Promise<InnerReport> => JSON.parse((await inside('/load')).body) as InnerReport;

/** The account of what the client's requests to `back` came to while `act` ran. */
async function underLoad(act: () => Promise<void>): Promise<InnerReport> {
  await inside('/load/start?url=http://back:8080/&kept=6&fresh=6');
  await waitFor('the load to run', async () => (await loadReport()).requests > 50);
  await act();
  return JSON.parse((await inside('/load/stop')).body) as InnerReport;
}

async function running(name: string, replicas: number): Promise<void> {
  await orca.serviceThat(
    name,
    `to have ${replicas}`,
    ({ status, allocations }) =>
      status === 'running' &&
      allocations.length === replicas &&
      allocations.every(({ state }) => state === 'ready'),
  );
}
