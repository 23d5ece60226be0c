/**
 * Hosts with nothing but curl and Docker become nodes by one line, piped from the master; what speaks against it is said in
 * one line and leaves nothing; a second time keeps the node as it is; and --uninstall takes everything away.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { JoinTokenCreated } from '../../shared/api-join.js';
import { containersWith } from '../support/docker.js';
import { copyImages } from '../support/image-copy.js';
import { nodeAppImage } from '../support/images.js';
import { type JoiningHost, joiningHost, type Outcome, pathWithoutNode } from '../support/joining-host.js';
import { oldDocker } from '../support/old-docker.js';
import { oneAtATime } from '../support/one-at-a-time.js';
import { makeOrca } from '../support/orca.js';
import { killHard, processesOf } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { type BedHost, startTestbed } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

// All link the one command of the machine.
await oneAtATime('install');
const bed = await startTestbed(4);
t.teardown(() => bed.remove());
const [first, ...others] = bed.hosts as [BedHost, ...BedHost[]];
const orca = await makeOrca({ host: first });
t.teardown(() => orca.stop());
await orca.startServer();
const master = `https://${first.address}:6880`;
const bare = pathWithoutNode(`${bed.names.root}/path`);
const [a, b, c] = others.map((host) =>
  joiningHost(host, master, host.name === 'h4' ? `${process.env.PATH}` : bare),
) as [JoiningHost, JoiningHost, JoiningHost];
const command = '/usr/local/bin/orca';
const hadCommand = existsSync(command);

t.test(
  'what speaks against a join is one line each, and nothing is left',
  { timeout: 120_000 },
  async (t) => {
    const refused = async (what: string, { code, stderr }: Outcome, ...lines: RegExp[]) => {
      const said = stderr.trim().split('\n');
      t.equal(code, 1, what);
      t.equal(said.length, lines.length, stderr);
      for (const [i, line] of lines.entries()) t.match(said[i], line, what);
      t.same(
        [a, c].flatMap((one) => one.traces()),
        [],
        what,
      );
      t.equal(existsSync(command), hadCommand);
    };
    const token = await tokenOf();
    await refused(
      'another CA',
      await c.join(token.replace(/.$/, (last) => (last === '0' ? '1' : '0'))),
      /fingerprint/,
    );
    await refused('no token', await c.join(''), /--token TOKEN.*join-token create/);
    await refused(
      'no master',
      await c.join(token, ['--join', 'https://127.0.0.1:1']),
      /no answer.*Is the master up/,
    );
    const late = await tokenOf('--ttl', '1s');
    await waitFor('it to expire', async () =>
      /expired/.test((await orca.run(['join-token', 'list'])).stdout),
    );
    await refused('expired', await c.join(late), /expired at/);
    const [wrong, right] = [fakeDate(7_200), process.env.PATH];
    await refused(
      'clock',
      await c.join(token, [], { PATH: `${wrong}:${right}` }),
      /clock is 72\d\d s from.*timedatectl/,
    );
    await refused(
      'no Docker',
      await c.join(token, ['--docker', 'unix:///no.sock']),
      /no answer at \/no\.sock.*start Docker/,
    );
    const old = await oldDocker();
    await refused(
      'an old Docker',
      await c.join(token, ['--docker', old.url]),
      /Docker 19\.03\.1.*install Docker Engine 20\.10/,
    );
    const two = await c.join(token, ['--docker', old.url, '--advertise', '192.0.2.1']);
    await refused('two at once', two, /Docker 19\.03\.1/, /192\.0\.2\.1.*Nothing was changed/);
    old.stop();
    const rule = ['INPUT', '-p', 'tcp', '-s', first.address, '--syn', '-j', 'DROP'];
    a.host.run(['iptables', '-I', ...rule]);
    await refused('one way only', await a.join(token), /the master does not reach 10\.\S+2, .*firewall/);
    a.host.run(['iptables', '-D', ...rule]);
    t.match(
      (await orca.run(['join-token', 'list'])).stdout,
      new RegExp(`${token.split('.')[1]} +usable +1/1`),
    );
  },
);

t.test(
  'three hosts join by one line, with one token, two of them without Node',
  { timeout: 120_000 },
  async (t) => {
    const token = await tokenOf('--uses', '3');
    const began = Date.now();
    const outcomes = await Promise.all([
      a.join(token),
      b.join('', [], { ORCA_JOIN_TOKEN: token }),
      c.join(token),
    ]);
    t.comment(`three hosts are ready after ${Date.now() - began} ms`);
    for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
      t.equal(code, 0, stderr);
      t.match(stdout, new RegExp(`\nh${i + 2} \\(n-[0-9a-f]{8}\\) is ready`), 'said when the master says so');
    }
    t.same(await states(), { h1: 'ready', h2: 'ready', h3: 'ready', h4: 'ready' });
    t.match(outcomes[0]?.stdout, /fetching Node\.js v\d+/);
    t.notMatch(outcomes[2]?.stdout, /fetching Node/, 'a host with a new enough one uses its own');
    const secret = token.split('.')[2] ?? '?';
    for (const { home } of [a, b, c]) {
      const commands = processesOf(home).map(({ command }) => command.join(' '));
      t.ok(commands.length > 0);
      t.notOk(
        commands.some((line) => line.includes(secret)),
        'no token in the list of processes',
      );
      t.notOk(readFileSync(join(home, 'install.options'), 'utf8').includes(secret));
    }
    const again = await orca.run(['join-token', 'list']);
    t.match(again.stdout, new RegExp(`${token.split('.')[1]} +used +0/3`));
  },
);

t.test('they run what is placed on them', { timeout: 120_000 }, async (t) => {
  const image = 'orca-e2e/join:1';
  await nodeAppImage({ tag: image, env: { RELEASE: '1' }, docker: first.docker });
  await copyImages(
    [image],
    first.docker,
    others.map((host) => host.docker),
  );
  await orca.deployed(serviceToml({ name: 'web', image, domain: 'web.localhost', replicas: 4 }));
  const { allocations } = await orca.service('web');
  t.same(allocations.map(({ node }) => node).sort(), ['h1', 'h2', 'h3', 'h4']);
});

t.test('again, with a token that is used up, everything stays as it is', { timeout: 60_000 }, async (t) => {
  const [before, pid, id] = [await containers(a), agentOf(a), idOf(a)];
  const used = await tokenOf();
  const { code, stdout, stderr } = await a.join(used, ['--name', 'h2']);
  t.equal(code, 0, stderr);
  t.match(stdout, /h2 \(n-[0-9a-f]{8}\) is ready/);
  t.notMatch(stdout, /fetching|starting/);
  t.same([await containers(a), agentOf(a), idOf(a)], [before, pid, id]);
  await orca.run(['join-token', 'revoke', used.split('.')[1] ?? '']);
  t.equal((await a.join(used)).code, 0, 'a node needs no token');
  const renamed = await a.join(await tokenOf(), ['--name', 'two']);
  t.equal(renamed.code, 0, renamed.stderr);
  t.match(renamed.stdout, /starting the agent[\s\S]*\ntwo \(/);
  t.same(
    [await containers(a), idOf(a)],
    [before, id],
    'another name is another start of the agent, and no more',
  );
});

t.test(
  'again with another agent on the host, it gets the master’s; containers go on',
  { timeout: 60_000 },
  async (t) => {
    const [before, pid, id] = [await containers(b), agentOf(b), idOf(b)];
    const [program = ''] = programsOf(b);
    const older = join(b.home, 'programs/agent-000000000000');
    renameSync(join(b.home, 'programs', program), older);
    rmSync(join(b.home, 'program'));
    symlinkSync(older, join(b.home, 'program'));
    const started = join(b.home, 'run/agent.started');
    writeFileSync(started, readFileSync(started, 'utf8').replace(program, 'agent-000000000000'));
    const { code, stdout, stderr } = await b.join(await tokenOf());
    t.equal(code, 0, stderr);
    t.match(stdout, /fetching Orca[\s\S]*h3 \(n-[0-9a-f]{8}\) is ready/);
    t.notMatch(stdout, /fetching Node/, 'the Node of before is kept');
    t.same(programsOf(b), [program], 'and nothing of the older one');
    t.same([await containers(b), idOf(b)], [before, id]);
    t.not(agentOf(b), pid);
  },
);

t.test('an agent that is killed is started again', { timeout: 60_000 }, async () => {
  const pid = agentOf(b);
  await killHard(pid);
  await waitFor('another agent', () => agentOf(b) !== pid);
  await waitFor('its node to be ready', async () => (await states()).h3 === 'ready');
});

t.test('--uninstall leaves nothing on the host', { timeout: 120_000 }, async (t) => {
  const outcomes = await Promise.all([a, b, c].map((one) => one.uninstall()));
  for (const [i, one] of [a, b, c].entries()) {
    t.equal(outcomes[i]?.code, 0, outcomes[i]?.stderr ?? '');
    t.same(one.traces(), []);
    t.same(processesOf(one.home), []);
    t.same(await containersWith({ 'orca.service': 'web' }, one.host.docker), []);
  }
  t.equal(existsSync(command), hadCommand);
});

async function tokenOf(...options: string[]): Promise<string> {
  return (await orca.run(['join-token', 'create', '--json', ...options])).json<JoinTokenCreated>().token;
}

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries((await orca.status()).nodes.map(({ name, state }) => [name, state]));
}

const agentOf = ({ home }: JoiningHost): number => Number(readFileSync(join(home, 'run/agent.pid'), 'utf8'));
const idOf = ({ home }: JoiningHost): string =>
  JSON.parse(readFileSync(join(home, 'agent/agent.json'), 'utf8')).nodeId;

const programsOf = ({ home }: JoiningHost): string[] =>
  readdirSync(join(home, 'programs')).filter((name) => name.startsWith('agent-'));

async function containers({ host }: JoiningHost): Promise<string[]> {
  return (await containersWith({ 'orca.service': 'web' }, host.docker)).map(({ Id }) => Id);
}

/** A folder with a `date` whose clock is off. */
function fakeDate(seconds: number): string {
  const folder = `${bed.names.root}/date`;
  mkdirSync(folder);
  writeFileSync(`${folder}/date`, `#!/bin/sh\necho $(($(/bin/date +%s) + ${seconds}))\n`);
  chmodSync(`${folder}/date`, 0o755);
  return folder;
}
