/**
 * `kill -9` of the master at the commits of a rollout, of a canary at every one: the rollout ends as if nothing had happened, with no allocation
 * too many or too few. The agent here is a fake that obeys at once (test/e2e/kill.test.ts has the real one, and every step). The commits
 * of one undisturbed run are counted first; then each is the last thing a master did.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { ServiceStatus, StatusReply } from '../../shared/api.js';
import { type FakeAgent, fakeAgent } from '../support/fake-agent.js';
import { freePorts } from '../support/free-port.js';
import { request } from '../support/https-request.js';
import { aBody } from '../support/master-words.js';
import { waitFor } from '../support/wait-for.js';

/** Each run has a home and ports of its own. */
const SIDE_BY_SIDE = 3;
const program = fileURLToPath(new URL('../../test-programs/dying-server.js', import.meta.url));

interface Cluster {
  home: string;
  port: number;
  master: ChildProcess | null;
  agent: FakeAgent | null;
  /** The revision the agent remembers over its sessions. */
  remembered: number;
}

t.setTimeout(900_000);
t.test('a rolling update ends well, whichever third commit is the last before a kill', (t) =>
  endsWell(t, { replicas: 2 }, 3),
);

t.test('a canary goes through its steps and is promoted, whichever commit is the last before a kill', (t) =>
  endsWell(t, { replicas: 1, deploy: { strategy: 'canary', canary_steps: [20, 50], step_secs: 1 } }),
);

type Template = Pick<Cluster, 'home' | 'remembered'>;

interface Settings {
  replicas: number;
  deploy?: object;
}

/** Kills after every `stride`th commit, the first one always. */
async function endsWell(t: Test, settings: Settings, stride = 1): Promise<void> {
  const template = await runsFirstRelease(settings);
  t.teardown(() => rmSync(template.home, { recursive: true, force: true }));
  const { commits } = await updated(template, 0, settings);
  t.ok(commits > 5, `an undisturbed rollout has ${commits} commits`);
  let next = 1;
  let killed = 0;
  const worker = async () => {
    for (let n = next; n <= commits; n = next) {
      next += stride;
      const { service, wasKilled } = await updated(template, n, settings);
      // What comes at one time is one commit, so that a run may be through before its commit `n`.
      if (wasKilled) killed += 1;
      t.same(
        service.allocations.map((a) => [a.slot, a.release, a.state]),
        Array.from({ length: settings.replicas }, (_, slot) => [slot, 'v2', 'ready']),
        `killed at commit ${n}`,
      );
      t.match(service.groups, { stable: { weight: 100 }, canary: null });
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  t.ok(killed > (0.75 * commits) / stride, `${killed} masters were killed`);
}

/** A home whose master has brought two replicas of app:1 to run. */
async function runsFirstRelease(settings: Settings): Promise<Template> {
  const cluster = await aCluster();
  await start(cluster, 0);
  await deploy(cluster, 'app:1', settings);
  await serviceThat(cluster, (s) => isWhole(s, 'v1', settings));
  const remembered = cluster.agent?.assignment()?.revision ?? 0;
  await stop(cluster);
  return { home: cluster.home, remembered };
}

/** Rolls a copy of that home to app:2 while the master dies at commit `killAt` (0: never). */
async function updated(template: Template, killAt: number, settings: Settings) {
  const cluster = await aCluster(template.home, template.remembered);
  try {
    await start(cluster, killAt);
    const asked = deploy(cluster, 'app:2', settings).catch(() => null);
    const wasKilled = killAt > 0 && (await isKilled(cluster, killAt, settings));
    if (wasKilled) {
      await asked;
      await start(cluster, 0);
      // Whoever asked got no answer, and asks again: the same deploy is the same deploy.
      await deploy(cluster, 'app:2', settings);
    }
    const service = await serviceThat(cluster, (s) => isWhole(s, 'v2', settings));
    // What `status` shows is stored first and sent then.
    await waitFor(
      `killed at commit ${killAt}: nothing else is assigned`,
      () => cluster.agent?.assignment()?.allocations.length === settings.replicas,
    );
    return { commits: commitsOf(cluster), service, wasKilled };
  } finally {
    await stop(cluster);
    rmSync(cluster.home, { recursive: true, force: true });
  }
}

const commitsOf = ({ home }: Cluster): number => Number(readFileSync(join(home, 'steps'), 'utf8'));

/** Whether it died before the rollout was through; it does not any more after that, as it still has some commits to make. */
async function isKilled(cluster: Cluster, killAt: number, settings: Settings): Promise<boolean> {
  const isDead = (): boolean => cluster.master?.signalCode === 'SIGKILL';
  await waitFor('a kill or the end of the rollout', async () => {
    const reply = isDead() ? null : await call(cluster, 'GET', '/status').catch(() => null);
    const service = (reply as StatusReply | null)?.services[0];
    return isDead() || (service !== undefined && isWhole(service, 'v2', settings));
  });
  const commits = commitsOf(cluster);
  writeFileSync(join(cluster.home, 'die-at'), '0');
  await call(cluster, 'GET', '/status').catch(() => waitFor('its end', isDead));
  if (!isDead() && commits >= killAt)
    throw new Error(`it lives after ${commits} commits, told to die at ${killAt}`);
  return isDead();
}

async function aCluster(template?: string, remembered = 0): Promise<Cluster> {
  const home = mkdtempSync(join(tmpdir(), 'orca-kill-'));
  if (template) cpSync(template, home, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  const [port = 0] = await freePorts(1);
  return { home, port, master: null, agent: null, remembered };
}

const isWhole = (s: ServiceStatus, release: string, { replicas }: Settings): boolean =>
  s.status === 'running' &&
  s.release === release &&
  s.allocations.length === replicas &&
  s.allocations.every((a) => a.release === release && a.state === 'ready' && a.routed);

async function start(cluster: Cluster, killAt: number): Promise<void> {
  const { home, port } = cluster;
  const args = [program, '--home', home, '--listen', `127.0.0.1:${port}`, '--no-agent'];
  writeFileSync(join(home, 'steps'), '0');
  writeFileSync(join(home, 'die-at'), String(killAt));
  const env = { ...process.env, ORCA_LOG_LEVEL: 'fatal' };
  const master = spawn(process.execPath, args, { env, cwd: home, stdio: ['ignore', 'ignore', 'inherit'] });
  cluster.master = master;
  await Promise.race([isUp(cluster), once(master, 'exit')]);
  if (isRunning(master)) await connect(cluster);
}

const isRunning = (master: ChildProcess): boolean => master.exitCode === null && master.signalCode === null;

async function isUp({ home, port }: Cluster): Promise<void> {
  await waitFor('the API', async () => {
    if (!existsSync(join(home, 'ca.pem'))) return false;
    const ca = readFileSync(join(home, 'ca.pem'));
    return (await request({ host: '127.0.0.1', port, path: '/api/v1/health', ca })).status === 200;
  });
}

/** As a real agent: it connects again by itself and says what it remembers. */
async function connect(cluster: Cluster): Promise<void> {
  cluster.remembered = Math.max(cluster.remembered, cluster.agent?.assignment()?.revision ?? 0);
  const agent = await fakeAgent({ ...cluster, hello: { revision: cluster.remembered } });
  cluster.agent = agent;
  await waitFor('an assignment or the end', () => agent.assignment() ?? agent.closed);
  if (!agent.closed) agent.obey();
}

async function stop({ master }: Cluster): Promise<void> {
  if (!master || !isRunning(master)) return;
  const ended = once(master, 'exit');
  master.kill('SIGTERM');
  await ended;
}

async function call(cluster: Cluster, method: string, path: string, body?: object): Promise<unknown> {
  const token = readFileSync(join(cluster.home, 'cluster.token'), 'utf8').trim();
  const ca = readFileSync(join(cluster.home, 'ca.pem'));
  const headers = { authorization: `Bearer ${token}` };
  const at = {
    host: '127.0.0.1',
    port: cluster.port,
    path: `/api/v1${path}`,
    method,
    ca,
    headers,
    agent: false as const,
  };
  const answer = await request(at, body && JSON.stringify(body));
  if (answer.status !== 200) throw new Error(answer.body);
  return JSON.parse(answer.body);
}

const deploy = (cluster: Cluster, image: string, { replicas, deploy = {} }: Settings): Promise<unknown> =>
  call(cluster, 'POST', '/deploy', { services: [aBody({ image, replicas, deploy })] });

async function serviceThat(
  cluster: Cluster,
  holds: (service: ServiceStatus) => boolean,
): Promise<ServiceStatus> {
  let seen: ServiceStatus | undefined;
  const look = async (): Promise<ServiceStatus | false> => {
    seen = ((await call(cluster, 'GET', '/status')) as StatusReply).services[0];
    return seen !== undefined && holds(seen) && seen;
  };
  return waitFor('the service', look).catch((error: Error) => {
    throw new Error(`${error.message}\n${JSON.stringify(seen, null, 1)}`);
  });
}
