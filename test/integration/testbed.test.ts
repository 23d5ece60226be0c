/** The test bed itself: hosts that see each other, links that are cut and healed, and nothing left behind in the end. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
import { dockerCall, dockerJson } from '../support/docker.js';
import { copyImages } from '../support/image-copy.js';
import { busyboxImage } from '../support/images.js';
import { killHard } from '../support/processes.js';
import { type BedHost, startTestbed } from '../support/testbed.js';
import { bedNames } from '../support/testbed-names.js';
import { pidsOf } from '../support/testbed-removal.js';
import { waitFor } from '../support/wait-for.js';

const tag = 'orca-test/bed:1';

t.test('two hosts with their own Docker see each other, until one is cut off', async (t) => {
  const bed = await startTestbed(2);
  t.teardown(() => bed.remove());
  const [one, two] = bed.hosts as [BedHost, BedHost];
  await busyboxImage({ tag, cmd: ['/bin/httpd', '-f', '-p', '8080', '-h', '/etc'], docker: one.docker });
  await copyImages([tag], one.docker, [two.docker]);
  t.equal(await idOf(one), await idOf(two), 'the same image on both');
  t.same(await names(two), ['h2']);
  const port = await serve(two);
  t.ok(await waitFor('it to be reached from outside', () => reaches(two.address, port)));
  t.match(fetched(one, two.address, port), /root/, 'from the other host');
  t.notOk(await reaches(one.address, port), 'another host, another Docker');
  two.cut();
  t.notOk(await reaches(two.address, port));
  two.heal();
  await waitFor('it to be reached again', () => reaches(two.address, port));
  two.slow('300ms', '0%');
  const startMs = Date.now();
  t.match(fetched(one, two.address, port), /root/, 'over a slow cable');
  t.ok(Date.now() - startMs >= 600, 'to open the connection, and to ask');
  two.slow('0ms', '100%');
  t.notOk(await reaches(two.address, port), 'over one that loses all');
  t.throws(() => two.slow('soon', '5%'), /such as 200ms 5%, not soon 5%/);
  two.heal();
  await waitFor('it to be reached over the healed one', () => reaches(two.address, port));
  await two.killDaemon();
  await t.rejects(dockerCall('GET', '/_ping', undefined, two.docker));
  await two.startDaemon();
  t.equal((await dockerCall('GET', '/_ping', undefined, two.docker)).status, 200);
});

t.test('a bed leaves nothing behind: removed, and removed again', async (t) => {
  const bed = await startTestbed(1);
  const [host] = bed.hosts as [BedHost];
  await busyboxImage({ tag, docker: host.docker });
  await serve(host);
  await bed.remove();
  t.same(leftOf(bed.names.id), []);
  await bed.remove();
});

t.test('a bed leaves nothing behind when its test is killed, or interrupted', async (t) => {
  for (const how of ['SIGKILL', 'SIGINT'] as const) {
    const file = new URL('../support/testbed.js', import.meta.url).href;
    const code = `import { startTestbed } from '${file}'; const bed = await startTestbed(1); console.log(bed.names.id); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    const id = String((await once(child.stdout, 'data'))[0]).trim();
    t.not(leftOf(id).length, 0);
    child.kill(how);
    await waitFor('nothing to be left', () => leftOf(id).length === 0);
  }
});

t.test('by hand: up, status, exec, and down after everything was killed', async (t) => {
  const testbed = (...args: string[]): string =>
    execFileSync(
      process.execPath,
      [new URL('../support/testbed-command.js', import.meta.url).pathname, ...args],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
  t.teardown(() => testbed('down'));
  const id = /orca-bed-(\w{4})/.exec(testbed('up', '1'))?.[1] ?? '';
  t.match(testbed('up', '1'), new RegExp(`orca-bed-${id}`), 'what is up stays');
  t.match(testbed('status'), /h1 .* connected {2}Docker answers/);
  t.equal(testbed('exec', 'h1', '--', 'hostname').trim(), 'h1');
  const [docker, ofOrca] = testbed('exec', 'h1', '--', 'printenv', 'DOCKER_HOST', 'ORCA_DOCKER').split('\n');
  t.match(docker, /^unix:.*\/h1\//);
  t.equal(ofOrca, docker, "the host's own Docker, for whatever is started there");
  testbed('cut', 'h1');
  t.match(testbed('status'), /h1 .* cut off/);
  testbed('heal', 'h1');
  for (const pid of pidsOf(bedNames(id))) await killHard(pid);
  t.match(testbed('down'), /removed/);
  t.same(leftOf(id), []);
  t.match(testbed('down'), /nothing to remove/);
  t.throws(() => testbed('exec', 'h1', '--', 'true'), /there is no test bed/);
  t.throws(() => testbed('up', '99'), /1 to 9 hosts/);
});

/** Everything of a bed that can still be seen. */
function leftOf(id: string): string[] {
  const bed = bedNames(id);
  const spaces = existsSync('/var/run/netns') ? readdirSync('/var/run/netns') : [];
  const links = readdirSync('/sys/class/net');
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return [
    ...spaces.filter((name) => name.startsWith(bed.prefix)),
    ...links.filter((name) => name === bed.link),
    ...mounts.filter((line) => line.includes(bed.root)),
    ...(existsSync(bed.root) ? [bed.root] : []),
    ...pidsOf(bed).map((pid) => `process ${pid}`),
  ];
}

const idOf = async ({ docker }: BedHost): Promise<string> =>
  (await dockerJson<{ Id: string }>('GET', `/images/${tag}/json`, undefined, docker)).Id;

const names = async ({ docker }: BedHost): Promise<string[]> => [
  (await dockerJson<{ Name: string }>('GET', '/info', undefined, docker)).Name,
];

/** Runs the image, published on the host's address; answers the port. */
async function serve({ docker, address }: BedHost): Promise<number> {
  const HostConfig = { PortBindings: { '8080/tcp': [{ HostIp: address, HostPort: '' }] } };
  const body = { Image: tag, HostConfig, ExposedPorts: { '8080/tcp': {} } };
  const { Id } = await dockerJson<{ Id: string }>('POST', '/containers/create', body, docker);
  await dockerJson('POST', `/containers/${Id}/start`, undefined, docker);
  const seen = await dockerJson<{
    NetworkSettings: { Ports: Record<string, { HostPort: string }[]> };
  }>('GET', `/containers/${Id}/json`, undefined, docker);
  return Number(seen.NetworkSettings.Ports['8080/tcp']?.[0]?.HostPort);
}

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const answer = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.on('connect', answer(true)).on('error', answer(false)).on('timeout', answer(false));
  });
}

const fetched = (from: BedHost, address: string, port: number): string =>
  from.run(['curl', '-fsS', '--max-time', '5', `http://${address}:${port}/passwd`]);
