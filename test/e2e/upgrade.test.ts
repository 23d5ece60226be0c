/**
 * `orca nodes upgrade`: agents replace themselves by what the master serves, and no container notices. What can't be unpacked, does
 * not start or gets no session leads back to what ran before, with the reason; a kill in the midst leaves an agent that works.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { JoinTokenCreated } from '../../shared/api-join.js';
import { containersWith, dockerJson } from '../support/docker.js';
import { copyImages } from '../support/image-copy.js';
import { nodeAppImage } from '../support/images.js';
import { type JoiningHost, joiningHost } from '../support/joining-host.js';
import { oneAtATime } from '../support/one-at-a-time.js';
import { makeOrca, type OrcaOptions } from '../support/orca.js';
import { orcaOfVersion } from '../support/orca-of-version.js';
import { killHard } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { type BedHost, startTestbed } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

// All link the one command of the machine.
await oneAtATime('install');
const bed = await startTestbed(3);
t.teardown(() => bed.remove());
const [first, ...others] = bed.hosts as [BedHost, ...BedHost[]];
const [before, after] = [orcaOfVersion('1.0.0-before'), orcaOfVersion('1.0.0-after')];
t.teardown(() => {
  before.remove();
  after.remove();
});
const options: OrcaOptions = { host: first, serverProgram: before.serverProgram };
const orca = await makeOrca(options);
t.teardown(() => orca.stop());
await orca.startServer();
const [a, b] = others.map((host) =>
  joiningHost(host, `https://${first.address}:6880`, `${process.env.PATH}`),
) as [JoiningHost, JoiningHost];
t.teardown(() => Promise.all([a, b].map((host) => host.uninstall())));
let wanted: string[] = [];

t.test('hosts of one version, and a master of the next', { timeout: 120_000 }, async (t) => {
  const made = await orca.run(['join-token', 'create', '--json', '--uses', '2']);
  const { token } = made.json<JoinTokenCreated>();
  for (const { code, stderr } of await Promise.all([a.join(token), b.join(token)])) t.equal(code, 0, stderr);
  const image = 'orca-e2e/upgrade:1';
  await nodeAppImage({ tag: image, env: { RELEASE: '1' }, docker: first.docker });
  await copyImages(
    [image],
    first.docker,
    others.map((host) => host.docker),
  );
  await orca.deployed(serviceToml({ name: 'web', image, domain: 'web.localhost', replicas: 3 }));
  const none = await orca.run(['nodes', 'upgrade', 'h2']);
  t.match(none.stdout, /h2 runs 1\.0\.0-before already/, none.stderr);
  await orca.stopServer();
  options.serverProgram = after.serverProgram;
  await orca.startServer();
  await ready('h2', 'h3');
  wanted = await containers();
  t.equal(wanted.length, 3);
  const own = await orca.run(['nodes', 'upgrade', 'h1']);
  t.equal(own.code, 1);
  t.match(own.stderr, /h1 is the master's own node: its agent is upgraded with the master/);
});

t.test('what can not be unpacked or started changes nothing', { timeout: 120_000 }, async (t) => {
  after.handOutRubbish();
  const rubbish = await orca.run(['nodes', 'upgrade', 'h2']);
  t.equal(rubbish.code, 1);
  t.match(rubbish.stderr, /goes on with 1\.0\.0-before: it could not be unpacked/);
  after.handOut((folder) => changePart(folder, /^\/\/ dist\/agent\/converge\.js$/m, 'import "nothing";'));
  const broken = await orca.run(['nodes', 'upgrade']);
  t.equal(broken.code, 1);
  t.match(broken.stderr, /h2 could not be upgraded to 1\.0\.0-after .*it does not start here: .*nothing/);
  t.match((await orca.run(['nodes'])).stdout, /its upgrade to 1\.0\.0-after failed, and it goes on with/);
  t.same(await versions(), { h2: '1.0.0-before', h3: '1.0.0-before' }, 'the first failure ends it');
  t.same(await containers(), wanted);
});

t.test('what starts and gets no session goes back by itself', { timeout: 180_000 }, async (t) => {
  after.handOut((folder) => changePart(folder, /PROTOCOL_VERSION = \d+/, 'PROTOCOL_VERSION = 99'));
  const { code, stderr } = await orca.run(['nodes', 'upgrade', 'h2']);
  t.equal(code, 1);
  t.match(stderr, /goes on with 1\.0\.0-before: it got no session with the master within 30 s/);
  t.same(await versions(), { h2: '1.0.0-before', h3: '1.0.0-before' });
  t.same(await containers(), wanted);
});

t.test('killed at any moment, an agent of either version works', { timeout: 180_000 }, async (t) => {
  // Each archive has another SHA-256, so that none is there already.
  const moments: [what: string, is: () => boolean][] = [
    [
      'while it is fetched',
      () => readdirSync(join(b.home, 'programs')).some((one) => one.startsWith('.upgrade')),
    ],
    ['once it is written down', () => existsSync(join(b.home, 'agent/upgrade.json'))],
    [
      'as soon as it runs',
      () => versionAt(b) === '1.0.0-after' && existsSync(join(b.home, 'agent/upgrade.json')),
    ],
  ];
  for (const [what, is] of moments) {
    after.handOut((folder) => appendFileSync(join(folder, 'LICENSE'), `${what}\n`));
    const asked = orca.spawn(['nodes', 'upgrade', 'h3', '--timeout', '1s']);
    await waitFor(what, is, { everyMs: 1 });
    const pid = agentOf(b);
    await killHard(pid);
    await waitFor('another agent', () => agentOf(b) !== pid);
    await waitFor(
      `an agent that was killed ${what} to be back`,
      async () => (await node('h3')).state === 'ready',
    );
    asked.kill();
    t.comment(`killed ${what}: ${(await node('h3')).version}`);
    t.same(await containers(), wanted);
  }
});

t.test('all, one after the other; containers go on', { timeout: 120_000 }, async (t) => {
  after.handOut();
  await ready('h2', 'h3');
  const began = Date.now();
  const { code, stdout, stderr } = await orca.run(['nodes', 'upgrade']);
  t.comment(`two hosts after ${Date.now() - began} ms`);
  t.equal(code, 0, stderr);
  t.match(stdout, /ok h2 runs 1\.0\.0-after[\s\S]*ok h3 runs 1\.0\.0-after/);
  t.match(stderr, /h1: left out/);
  t.same(await versions(), { h2: '1.0.0-after', h3: '1.0.0-after' });
  t.same(await containers(), wanted, 'the same ones, since when they were started');
  t.equal((await orca.get('web.localhost')).status, 200);
  t.equal((await node('h2')).reason, null);
  const again = await orca.run(['nodes', 'upgrade', '--json']);
  t.ok(again.json<{ upgraded: { is_there: boolean }[] }>().upgraded.every((one) => one.is_there));
});

async function node(name: string) {
  const found = (await orca.status()).nodes.find((one) => one.name === name);
  if (!found) throw new Error(`no node ${name}`);
  return found;
}

const ready = (...names: string[]) =>
  waitFor('the nodes to be ready', async () => {
    const states = await Promise.all(names.map(node));
    return states.every(({ state }) => state === 'ready');
  });

async function versions(): Promise<Record<string, string>> {
  const all = await Promise.all(['h2', 'h3'].map(node));
  return Object.fromEntries(all.map(({ name, version }) => [name, version]));
}

const agentOf = ({ home }: JoiningHost): number => Number(readFileSync(join(home, 'run/agent.pid'), 'utf8'));
const versionAt = ({ home }: JoiningHost): string =>
  JSON.parse(readFileSync(join(home, 'program/package.json'), 'utf8')).version;

/** Ids, and since when each runs. */
async function containers(): Promise<string[]> {
  const each = bed.hosts.map(async ({ docker }) => {
    const seen = await containersWith({ 'orca.service': 'web' }, docker);
    return Promise.all(
      seen.map(async ({ Id }) => {
        const { State } = await dockerJson<{ State: { StartedAt: string } }>(
          'GET',
          `/containers/${Id}/json`,
          undefined,
          docker,
        );
        return `${Id} ${State.StartedAt}`;
      }),
    );
  });
  return (await Promise.all(each)).flat().sort();
}

/** In the one of an agent's parts that has it. */
function changePart(folder: string, what: RegExp, into: string): void {
  const files = readdirSync(join(folder, 'dist/parts')).map((name) => join(folder, 'dist/parts', name));
  const file = files.find((path) => what.test(readFileSync(path, 'utf8')));
  if (!file) throw new Error(`no part has ${what}`);
  writeFileSync(file, readFileSync(file, 'utf8').replace(what, into));
}
