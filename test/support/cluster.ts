/**
 * A real cluster on a test bed: `orca server` on the first host, listening on its address, with its own agent and Caddy, and
 * an agent on each other host; all with the real Docker of their host, and used from outside of all of them.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openAuthority } from '../../master/authority.js';
import type { NodeStatus } from '../../shared/api.js';
import { secretFolder } from './clean-up.js';
import { containersWith, type SeenContainer } from './docker.js';
import { copyImages } from './image-copy.js';
import { nodeAppImage } from './images.js';
import { makeOrca, type Orca } from './orca.js';
import { killHard } from './processes.js';
import { type BedHost, startTestbed, type Testbed } from './testbed.js';
import { waitFor } from './wait-for.js';

export interface Cluster {
  orca: Orca;
  bed: Testbed;
  /** What Orca made on each host, by the host's name. */
  containers(labels?: Record<string, string>): Promise<Map<string, SeenContainer[]>>;
  /** The test app on every host, under one image id a tag; `tags` by release. */
  loadApp(tags: Record<string, string>): Promise<void>;
  /** Starts the agent of a host other than the first; answers its pid. */
  startAgent(host: BedHost): number;
  /** SIGKILL; nobody starts it again but the test. */
  killAgent(host: BedHost): Promise<void>;
  /** What the agent of a host has written. */
  agentLog(host: string): string;
  node(name: string): Promise<NodeStatus>;
  nodeThat(
    name: string,
    what: string,
    holds: (node: NodeStatus) => boolean,
    timeoutMs?: number,
  ): Promise<NodeStatus>;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../../cli/orca.js', import.meta.url));

interface Settings {
  silence?: string;
  lostAfter?: string;
}

/** Starts one, with a `silence` and a `lost_after` of its own, and waits until every node is ready. */
export async function startCluster(hosts: number, settings: Settings = {}): Promise<Cluster> {
  const bed = await startTestbed(hosts);
  let cluster: Cluster | null = null;
  try {
    cluster = await makeCluster(bed, settings);
    for (const { name } of bed.hosts) await cluster.nodeThat(name, 'to be ready', (n) => n.state === 'ready');
    return cluster;
  } catch (error) {
    const log = cluster?.orca.log() ?? '';
    await cluster?.orca.stop();
    await bed.remove();
    throw new Error(`${error instanceof Error ? error.message : error}\n${log}`, { cause: error });
  }
}

async function makeCluster(bed: Testbed, { silence, lostAfter = '60s' }: Settings): Promise<Cluster> {
  const [first, ...others] = bed.hosts;
  if (!first) throw new Error('a cluster has a host');
  const lines = [`lost_after = "${lostAfter}"`, ...(silence ? [`silence = "${silence}"`] : [])];
  const orca = await makeOrca({ host: first, cluster: `${lines.join('\n')}\n` });
  const agents = new Map<string, ChildProcess>();
  const cluster: Cluster = {
    orca,
    bed,
    async containers(labels = {}) {
      const wanted = { 'orca.cluster': openAuthority(orca.home, Date.now()).clusterId, ...labels };
      const each = bed.hosts.map(async (h) => [h.name, await containersWith(wanted, h.docker)] as const);
      return new Map(await Promise.all(each));
    },
    async loadApp(tags) {
      for (const [release, tag] of Object.entries(tags))
        await nodeAppImage({ tag, env: { RELEASE: release }, docker: first.docker });
      await copyImages(
        Object.values(tags),
        first.docker,
        others.map((host) => host.docker),
      );
    },
    startAgent(host) {
      const agent = startAgent(host);
      agents.set(host.name, agent);
      return agent.pid ?? 0;
    },
    async killAgent({ name }) {
      const pid = agents.get(name)?.pid;
      if (!pid) throw new Error(`no agent was started on ${name}`);
      await killHard(pid);
    },
    agentLog(name) {
      const host = others.find((one) => one.name === name);
      return host ? readFileSync(`${host.folder}/agent.log`, 'utf8') : '';
    },
    async node(name) {
      const found = (await orca.status()).nodes.find((node) => node.name === name);
      if (!found) throw new Error(`no node ${name}`);
      return found;
    },
    nodeThat: (name, what, holds, timeoutMs = 30_000) =>
      waitFor(
        `${name} ${what}`,
        async () => {
          const node = await cluster.node(name);
          return holds(node) && node;
        },
        { timeoutMs },
      ),
    async stop() {
      await orca.stop();
      await bed.remove();
      for (const host of others) rmSync(secretFolder(homeOf(host)), { recursive: true, force: true });
    },
  };
  try {
    await orca.startServer();
    for (const host of others) {
      await enrol(host, orca);
      cluster.startAgent(host);
    }
  } catch (error) {
    const log = orca.log();
    await orca.stop();
    throw new Error(`${error instanceof Error ? error.message : error}\n${log}`, { cause: error });
  }
  return cluster;
}

/** Makes a host a node as its owner would. */
async function enrol(host: BedHost, orca: Orca): Promise<void> {
  const made = await orca.run(['join-token', 'create', '--json']);
  const { token } = made.json<{ token: string }>();
  const master = readFileSync(`${orca.home}/cluster.url`, 'utf8').trim();
  const { name, address, docker } = host;
  const where = ['--home', homeOf(host), '--name', name, '--advertise', address, '--docker', docker];
  const output = openSync(`${host.folder}/join.log`, 'a');
  const command = [process.execPath, program, 'join', master, '--token', token, ...where];
  const joining = host.spawn(command, { stdio: ['ignore', output, output], env: plainEnvironment() });
  const [code] = (await once(joining, 'close')) as [number | null];
  if (code !== 0)
    throw new Error(`${name} could not join: ${readFileSync(`${host.folder}/join.log`, 'utf8')}`);
}

const homeOf = ({ folder }: BedHost): string => `${folder}/orca`;

function startAgent(host: BedHost): ChildProcess {
  const output = openSync(`${host.folder}/agent.log`, 'a');
  const command = [process.execPath, program, 'agent', '--home', homeOf(host)];
  return host.spawn(command, { stdio: ['ignore', output, output], env: plainEnvironment() });
}

function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([key]) => !/^(ORCA_|TAP_|NODE_OPTIONS)/.test(key));
  return Object.fromEntries(kept);
}
