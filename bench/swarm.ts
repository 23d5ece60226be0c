/**
 * Orca and Docker Swarm on the same three hosts, in turns: from the command until twenty copies answer, from `docker kill` of one until
 * twenty answer again, and from the moment at which a host is cut off until twenty answer on the two others.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Cluster, startCluster } from '../test/support/cluster.js';
import { dockerJson } from '../test/support/docker.js';
import { copyImages } from '../test/support/image-copy.js';
import { busyboxImage } from '../test/support/images.js';
import type { BedHost } from '../test/support/testbed.js';
import { waitFor } from '../test/support/wait-for.js';
import { allAnswer, runningOn } from './answering.js';
import { runCommand } from './command.js';
import { now } from './first-answer.js';
import { APP_PORT } from './images.js';
import type { Progress } from './progress.js';
import { type Report, ratioCell, spreadCell } from './report.js';
import { runOrca } from './service-files.js';
import { summarize } from './statistics.js';
import { orcaSide, type Side, swarmSide } from './swarm-side.js';

const COPIES = 20;
const IMAGE = 'orca-bench/swarm:1';
/** A container that ends sooner is a crash to Orca, and waits. */
const UP_AT_LEAST_MS = 11_000;
const LOST_AFTER = ['60s', '15s'] as const;

interface Measured {
  readyMs: number[];
  replacedMs: number[];
  movedMs: number[];
}

export async function benchSwarm(rounds: number, progress: Progress): Promise<Report> {
  const cluster = await startCluster(3, { lostAfter: LOST_AFTER[0] });
  try {
    const { hosts } = cluster.bed;
    const swarm = await swarmSide(hosts, await loadImage(hosts));
    const orca = orcaSide(cluster, IMAGE);
    const theirs: Measured = { readyMs: [], replacedMs: [], movedMs: [] };
    const ours = LOST_AFTER.map((): Measured => ({ readyMs: [], replacedMs: [], movedMs: [] }));
    for (let round = 1; round <= rounds; round += 1) {
      const said = (side: string) => progress(`swarm: ${side}, ${round} of ${rounds}`);
      said('Swarm');
      await measure(swarm, hosts, theirs);
      await orca.whole();
      for (const [at, lostAfter] of LOST_AFTER.entries()) {
        said(`Orca, lost_after = ${lostAfter}`);
        await setLostAfter(cluster, lostAfter);
        const into = ours[at];
        if (into) await measure(orca, hosts, into);
        await orca.whole();
      }
      await swarm.whole();
    }
    return reportOf(theirs, ours, rounds);
  } finally {
    await cluster.stop();
  }
}

async function measure(side: Side, hosts: readonly BedHost[], into: Measured): Promise<void> {
  const { labels } = side;
  const everywhere = { hosts, labels, wanted: COPIES };
  const [, second, third] = hosts as [BedHost, BedHost, BedHost];
  const createdMs = now();
  await side.create(COPIES);
  into.readyMs.push((await allAnswer(everywhere)) - createdMs);
  await pause(UP_AT_LEAST_MS);

  const [victim] = await runningOn(second, labels);
  if (!victim) throw new Error(`${side.name} runs nothing on ${second.name}`);
  const killedMs = now();
  await runCommand('docker', ['-H', second.docker, 'kill', victim.Id]);
  into.replacedMs.push((await allAnswer(everywhere)) - killedMs);
  await pause(UP_AT_LEAST_MS);

  const cutMs = now();
  third.cut();
  try {
    into.movedMs.push((await allAnswer({ ...everywhere, hosts: [hosts[0] as BedHost, second] })) - cutMs);
  } finally {
    third.heal();
  }
  await side.whole();
  await side.remove();
  await waitFor(
    `${side.name} to have removed all`,
    async () => (await Promise.all(hosts.map((host) => runningOn(host, labels)))).flat().length === 0,
    { timeoutMs: 120_000 },
  );
}

/** Answers its id, which is the same on every host: by a name, Swarm would ask a registry for it at each start. */
async function loadImage(hosts: readonly BedHost[]): Promise<string> {
  const [first, ...others] = hosts as [BedHost, ...BedHost[]];
  const serve = `echo hello > /tmp/index.html; exec /bin/httpd -f -p ${APP_PORT} -h /tmp`;
  await busyboxImage({ tag: IMAGE, cmd: ['/bin/sh', '-c', serve], docker: first.docker });
  const theirs = others.map(({ docker }) => docker);
  await copyImages([IMAGE], first.docker, theirs);
  return (await dockerJson<{ Id: string }>('GET', `/images/${IMAGE}/json`, undefined, first.docker)).Id;
}

async function setLostAfter({ orca }: Cluster, lostAfter: string): Promise<void> {
  const file = join(orca.home, 'cluster.toml');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/lost_after = ".*"/, `lost_after = "${lostAfter}"`));
  await runOrca(orca, ['reload']);
}

function reportOf(theirs: Measured, [ours, quick]: Measured[], rounds: number): Report {
  if (!ours || !quick) throw new Error('nothing was measured');
  const both = (what: 'readyMs' | 'replacedMs') => [...ours[what], ...quick[what]];
  const row = (title: string, swarm: number[], orca: number[]): string[] => {
    const [a, b] = [summarize(swarm), summarize(orca)];
    return [title, spreadCell(a, 'ms'), spreadCell(b, 'ms'), ratioCell(b.median / a.median, {})];
  };
  return {
    id: 'swarm',
    title: 'Orca and Docker Swarm on the same three hosts',
    tables: [
      {
        columns: [`${COPIES} replicas on three hosts`, 'Swarm', 'Orca', 'ratio'],
        rows: [
          row('the command to all ready', theirs.readyMs, both('readyMs')),
          row('`docker kill` to the replacement ready', theirs.replacedMs, both('replacedMs')),
          row(
            `a dead host to its replicas ready elsewhere, \`lost_after = "${LOST_AFTER[0]}"\` (default)`,
            theirs.movedMs,
            ours.movedMs,
          ),
          row(`the same, \`lost_after = "${LOST_AFTER[1]}"\``, theirs.movedMs, quick.movedMs),
        ],
      },
    ],
    notes: [
      `Median of ${rounds} rounds of Swarm and ${2 * rounds} of Orca in turns (${rounds} for each \`lost_after\`), with the middle half in brackets. Ready: it answers 200 at its host's address and published port, asked in the same way for both.`,
      'Swarm runs with `--publish mode=host`, since the kernel here has no IPVS for its ingress network, by the id of an image that every host has, so that it asks no registry, and with `--restart-delay 0s`; its default of 5 s comes on top of the second row. Orca also gives each copy its name for other services.',
    ],
  };
}
