/** `orca agent` as its own process: one a home, ends quickly on SIGTERM, says what is wrong, works without a master. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { removeLeftovers, secretFolder } from '../support/clean-up.js';
import { containersWith, testDocker } from '../support/docker.js';
import { busyboxImage } from '../support/images.js';
import { waitFor } from '../support/wait-for.js';
import { anAllocation, anAssignment } from '../unit/agent/an.js';
import { tempFolder } from './agent-harness.js';

t.setTimeout(120_000);

const program = fileURLToPath(new URL('../../cli/orca.js', import.meta.url));

interface Run {
  child: ChildProcess;
  output(): string;
  ended: Promise<number | null>;
}

function orcaAgent(t: Test, home: string): Run {
  const child = spawn(process.execPath, [program, 'agent', '--home', home]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, output: () => output, ended };
}

async function aHome(t: Test, docker = testDocker()): Promise<string> {
  const home = await tempFolder(t);
  t.teardown(() => rm(secretFolder(home), { recursive: true, force: true }));
  const settings = {
    nodeId: 'n1',
    name: 'one',
    masterUrl: 'wss://127.0.0.1:1/agent',
    docker,
    advertise: null,
  };
  await mkdir(join(home, 'agent'));
  await writeFile(join(home, 'agent', 'agent.json'), JSON.stringify(settings));
  return home;
}

t.test(
  'without a master it keeps the remembered assignment; SIGTERM leaves containers running',
  async (t) => {
    const cluster = `program-${process.pid}`;
    t.teardown(() => removeLeftovers(cluster));
    const imageId = await busyboxImage({ tag: 'orca-test/agent-program:1' });
    const home = await aHome(t);
    const allocation = anAllocation({ id: `${cluster}.api.1`, imageId });
    const assignment = anAssignment({ cluster, revision: 3, allocations: [allocation] });
    await writeFile(join(home, 'agent', 'assignment.json'), JSON.stringify(assignment));
    const { child, output, ended } = orcaAgent(t, home);
    const running = async () =>
      (await containersWith({ 'orca.cluster': cluster })).filter(({ State }) => State === 'running')
        .length === 1;
    await waitFor('its container', running);
    t.equal(await readFile(join(home, 'agent', 'agent.pid'), 'utf8'), `${child.pid}\n`);
    for (const line of output().trim().split('\n')) t.ok(JSON.parse(line).message, 'each line is JSON');
    t.match(output(), /no session with the master/);

    const second = orcaAgent(t, home);
    t.equal(await second.ended, 1);
    t.match(second.output(), /an agent already runs with this home/);

    child.kill('SIGTERM');
    t.equal(await ended, 0);
    t.ok(await running(), 'it goes on');
  },
);

t.test('with Docker not running it stays up, and says so', async (t) => {
  const home = await aHome(t, 'unix:///nowhere/docker.sock');
  const { child, output, ended } = orcaAgent(t, home);
  await waitFor('it to say so', () => output().includes('/nowhere/docker.sock'));
  t.equal(child.exitCode, null);
  child.kill('SIGUSR1');
  child.kill('SIGTERM');
  t.equal(await ended, 0);
  t.notMatch(output(), /Debugger listening/);
});

t.test('a log that takes no line (a full disk) is nothing to write a line about', async (t) => {
  const run = async (log: string) => {
    const home = await aHome(t, 'unix:///nowhere/docker.sock');
    const out = openSync(log === 'full' ? '/dev/full' : join(home, log), 'w');
    t.teardown(() => closeSync(out));
    const child = spawn(process.execPath, [program, 'agent', '--home', home], {
      stdio: ['ignore', out, out],
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    t.teardown(() => child.kill('SIGKILL'));
    await waitFor('it to run', () => existsSync(join(home, 'agent', 'agent.pid')));
    return { child, ended };
  };
  const writesOf = ({ child }: { child: ChildProcess }) =>
    Number(/syscw: (\d+)/.exec(readFileSync(`/proc/${child.pid}/io`, 'utf8'))?.[1]);
  const [plain, full] = await Promise.all([run('agent.log'), run('full')]);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  t.ok(writesOf(full) < 2 * writesOf(plain), `${writesOf(full)} writes, of a plain one ${writesOf(plain)}`);
  full.child.kill('SIGTERM');
  t.equal(await full.ended, 0);
});

t.test('a home without an agent is refused with what to do', async (t) => {
  const { output, ended } = orcaAgent(t, await tempFolder(t));
  t.equal(await ended, 2);
  t.match(output(), /agent\.json.*\n.*orca join/s);
});
