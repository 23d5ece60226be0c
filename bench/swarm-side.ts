/** Docker Swarm on the hosts of a test bed, and Orca on the same ones, in the same words. */
import type { Cluster } from '../test/support/cluster.js';
import type { BedHost } from '../test/support/testbed.js';
import { waitFor } from '../test/support/wait-for.js';
import { runCommand } from './command.js';
import { APP_PORT } from './images.js';
import { runOrca } from './service-files.js';

export interface Side {
  name: string;
  /** What its containers are labelled with. */
  labels: Record<string, string>;
  /** The command alone. */
  create(copies: number): Promise<void>;
  remove(): Promise<void>;
  /** Every host is as good as before, as far as this side knows. */
  whole(): Promise<void>;
}

const SERVICE = 'bench';

/** Makes the first host a manager, and the others workers. */
export async function swarmSide(hosts: readonly BedHost[], image: string): Promise<Side> {
  const [first, ...others] = hosts;
  if (!first) throw new Error('a swarm has a host');
  const docker = (host: BedHost, ...args: string[]) => runCommand('docker', ['-H', host.docker, ...args]);
  await docker(first, 'swarm', 'init', '--advertise-addr', first.address);
  const token = (await docker(first, 'swarm', 'join-token', '-q', 'worker')).trim();
  for (const host of others)
    await docker(
      host,
      'swarm',
      'join',
      '--advertise-addr',
      host.address,
      '--token',
      token,
      `${first.address}:2377`,
    );
  const options = [
    '--publish',
    `mode=host,target=${APP_PORT}`,
    '--restart-delay',
    '0s',
    '--no-resolve-image',
  ];
  return {
    name: 'Swarm',
    labels: { 'com.docker.swarm.service.name': SERVICE },
    async create(copies) {
      await docker(
        first,
        'service',
        'create',
        '--detach',
        '--name',
        SERVICE,
        '--replicas',
        `${copies}`,
        ...options,
        image,
      );
    },
    async remove() {
      await docker(first, 'service', 'rm', SERVICE);
    },
    async whole() {
      await waitFor(
        'every node of the swarm',
        async () => {
          const states = (await docker(first, 'node', 'ls', '--format', '{{.Status}}')).trim().split('\n');
          return states.length === hosts.length && states.every((state) => state === 'Ready');
        },
        { timeoutMs: 120_000, everyMs: 200 },
      );
    },
  };
}

export function orcaSide({ orca, bed, nodeThat }: Cluster, image: string): Side {
  return {
    name: 'Orca',
    labels: { 'orca.service': SERVICE },
    async create(copies) {
      const lines = [
        '[[service]]',
        `name = "${SERVICE}"`,
        `image = "${image}"`,
        `port = ${APP_PORT}`,
        `replicas = ${copies}`,
      ];
      const deploy = ['[service.deploy]', 'drain_timeout_secs = 1', 'stop_grace_secs = 1'];
      orca.write('services/default/service.toml', `${[...lines, ...deploy].join('\n')}\n`);
      await runOrca(orca, ['deploy', '--detach']);
    },
    async remove() {
      await runOrca(orca, ['rm', SERVICE]);
    },
    async whole() {
      for (const { name } of bed.hosts)
        await nodeThat(name, 'to be ready', ({ state }) => state === 'ready', 120_000);
    },
  };
}
