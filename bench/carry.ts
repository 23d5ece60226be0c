/**
 * An image of 100 MB that is on one host only, brought to another one: the first time, and when only its top layer is new; straight,
 * and through the master. Beside it, what `docker save | docker load` would send.
 */

import { cameIn } from '../test/support/came.js';
import { type Cluster, startCluster } from '../test/support/cluster.js';
import { dockerJson } from '../test/support/docker.js';
import { withLayer } from '../test/support/layered-image.js';
import { serviceToml } from '../test/support/service-toml.js';
import type { BedHost } from '../test/support/testbed.js';
import { waitFor } from '../test/support/wait-for.js';
import type { Progress } from './progress.js';
import { type Report, spreadCell } from './report.js';
import { summarize } from './statistics.js';

const MB = 1_000_000;
const BASE_BYTES = 99 * MB;
const TOP_BYTES = MB;

interface Sent {
  bytes: number[];
  ms: number[];
}

export async function benchCarry(rounds: number, progress: Progress): Promise<Report> {
  const cluster = await startCluster(3);
  try {
    const [, holder] = cluster.bed.hosts as [BedHost, BedHost];
    await withLayer({ tag: 'carry:base', from: null, bytes: BASE_BYTES }, holder.docker);
    const rows = { first: none(), next: none(), relayed: none() };
    progress('carry: all of it');
    await bring(cluster, holder, 'first', rows.first);
    for (let round = 1; round <= rounds; round += 1) {
      progress(`carry: its top layer, ${round} of ${rounds}`);
      await bring(cluster, holder, `next-${round}`, rows.next);
    }
    holder.run(['iptables', '-I', 'INPUT', '-p', 'tcp', '--dport', '6881', '-j', 'REJECT']);
    for (let round = 1; round <= rounds; round += 1) {
      progress(`carry: through the master, ${round} of ${rounds}`);
      await bring(cluster, holder, `relayed-${round}`, rows.relayed);
    }
    const { Size } = await dockerJson<{ Size: number }>(
      'GET',
      '/images/carry:first/json',
      undefined,
      holder.docker,
    );
    return reportOf(rows, Size);
  } finally {
    await cluster.stop();
  }
}

const none = (): Sent => ({ bytes: [], ms: [] });

/** A new top layer on the one host, and a deploy to another. */
async function bring(
  { orca, agentLog }: Cluster,
  holder: BedHost,
  version: string,
  into: Sent,
): Promise<void> {
  const image = `carry:${version}`;
  const id = await withLayer({ tag: image, from: 'carry:base', bytes: TOP_BYTES }, holder.docker);
  const toml = serviceToml({
    ...{ name: 'carry', image, port: null, lines: ['pull = "never"'] },
    readiness: ['command = ["/bin/echo"]', 'interval_secs = 0.2'],
    deploy: ['stop_grace_secs = 0.2', '[service.placement]', 'node = "h3"'],
  });
  await orca.deployed(toml);
  const came = await waitFor(`${image} to have come`, () => cameIn(agentLog('h3'), id)[0] ?? false);
  into.bytes.push(came.bytes ?? 0);
  into.ms.push(came.ms);
}

function reportOf(rows: Record<'first' | 'next' | 'relayed', Sent>, size: number): Report {
  const row = (title: string, { bytes, ms }: Sent): string[] => [
    title,
    `${(Math.max(...bytes) / MB).toFixed(2)} MB`,
    spreadCell(summarize(ms), 'ms'),
  ];
  return {
    id: 'carry',
    title: 'An image that no registry has, from one host to another',
    tables: [
      {
        columns: ['what', 'sent', 'from asking until it is there'],
        rows: [
          row('all of it (100 MB)', rows.first),
          row('its top layer is new (1 MB)', rows.next),
          row('the same, through the master', rows.relayed),
          ['`docker save`, for comparison', `${(size / MB).toFixed(2)} MB`, '—'],
        ],
      },
    ],
    notes: [
      'Bytes are those of manifests and layers as the other host sent them, counted by the agent; the most of all rounds. The layers can not be compressed.',
      'The time holds what the host that has it takes to push to itself, of the new layers alone.',
    ],
  };
}
