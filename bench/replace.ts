/**
 * From `docker kill` of a service's only container to the first 200 of its replacement through HTTPS, beside `docker run` of the
 * same image to its first 200. The container had been up for more than ten seconds: a sooner death counts as a crash, and
 * Orca waits before it starts such a one again.
 */
import { type Orca, startOrca } from '../test/support/orca.js';
import { waitFor } from '../test/support/wait-for.js';
import { runCommand } from './command.js';
import { type ContainerEvent, containerEvents } from './docker-events.js';
import { type DockerRun, dockerRun } from './docker-run.js';
import { firstAnswer, now } from './first-answer.js';
import { type BenchImage, benchImages } from './images.js';
import type { Progress } from './progress.js';
import { type Report, ratioCell, spreadCell } from './report.js';
import { domainOf, removeService, serviceToml } from './service-files.js';
import { summarize } from './statistics.js';

const AIM = { atMost: 1.5 };
const UP_AT_LEAST_MS = 11_000;

interface Replacement {
  /** All from the start of the `docker kill` command, in milliseconds. */
  diedMs: number;
  createdMs: number;
  startedMs: number;
  readyMs: number;
  totalMs: number;
}

/** Measures `rounds` kills of a container of each image, after one that doesn't count. */
export async function benchReplace(rounds: number, progress: Progress): Promise<Report> {
  const images = await benchImages();
  const orca = await startOrca();
  const report: Report = {
    id: 'replace',
    title: 'A killed container to the first 200 of its replacement, beside `docker run` to the first 200',
    tables: [
      { columns: ['image', '`docker run`', 'kill to replaced', 'ratio', 'death to replaced'], rows: [] },
      {
        columns: ['median ms since `docker kill`', 'died', 'created', 'started', 'ready', 'first 200'],
        rows: [],
      },
    ],
    notes: [
      `Median of ${rounds} rounds after one that does not count, with the middle half in brackets. The first column of Orca's counts from the start of the \`docker kill\` command, the last from the moment at which Docker saw the container end.`,
    ],
  };
  try {
    for (const image of images) {
      const { docker, replacements } = await measure(orca, image, rounds, progress);
      report.tables[0]?.rows.push(headline(image, docker, replacements));
      report.tables[1]?.rows.push(steps(image, replacements));
    }
  } finally {
    await orca.stop();
  }
  return report;
}

async function measure(orca: Orca, image: BenchImage, rounds: number, progress: Progress) {
  const deployed = await orca.deploy(serviceToml(image.name, image));
  if (deployed.code !== 0) throw new Error(`orca deploy ended with ${deployed.code}\n${deployed.stderr}`);
  let docker: DockerRun[] = [];
  let replacements: Replacement[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    docker.push(await dockerRun(image, `${orca.cluster}-${image.name}-${round}`));
    replacements.push(await replacement(orca, image.name));
    if (round === 0) [docker, replacements] = [[], []];
    else progress(`replace, ${image.name}: ${round} of ${rounds}`);
  }
  await removeService(orca, image.name);
  return { docker, replacements };
}

async function replacement(orca: Orca, name: string): Promise<Replacement> {
  const id = await containerUpLongEnough(orca, name);
  const { caPem } = orca.target(domainOf(name));
  const startMs = now();
  await runCommand('docker', ['kill', id]);
  // Docker answers once the container has ended, so whatever answers from here on is the replacement.
  const totalMs =
    (await firstAnswer({ port: orca.httpsPort, tls: { domain: domainOf(name), caPem } })) - startMs;
  const { allocations } = await orca.serviceThat(
    name,
    'to be seen ready again',
    ({ allocations: [one] }) =>
      one?.state === 'ready' && Date.parse(one.since) > startMs && one.endpoint !== null,
  );
  const ofService = ({ labels }: ContainerEvent) => labels['orca.service'] === name;
  const at = await containerEvents(startMs, ofService);
  return {
    diedMs: (at.die ?? Number.NaN) - startMs,
    createdMs: (at.create ?? Number.NaN) - startMs,
    startedMs: (at.start ?? Number.NaN) - startMs,
    readyMs: Date.parse(allocations[0]?.since ?? '') - startMs,
    totalMs,
  };
}

/** Answers the id of the service's only running container, once its age is no longer a reason to wait. */
async function containerUpLongEnough(orca: Orca, name: string): Promise<string> {
  const look = async () => {
    const running = (await orca.containers({ 'orca.service': name })).filter(
      ({ State }) => State === 'running',
    );
    const [only] = running;
    if (running.length !== 1 || !only) return null;
    const { allocations } = await orca.service(name);
    const sinceMs = Date.parse(allocations[0]?.since ?? '');
    return allocations[0]?.state === 'ready' && Date.now() - sinceMs > UP_AT_LEAST_MS ? only.Id : null;
  };
  return waitFor(`a container of ${name} that is up for a while`, look, { timeoutMs: 120_000, everyMs: 200 });
}

function headline(image: BenchImage, docker: DockerRun[], replacements: Replacement[]): string[] {
  const theirs = summarize(docker.map(({ totalMs }) => totalMs));
  const ours = summarize(replacements.map(({ totalMs }) => totalMs));
  const sinceDeath = summarize(replacements.map(({ totalMs, diedMs }) => totalMs - diedMs));
  const ratio = ratioCell(ours.median / theirs.median, AIM);
  return [image.title, spreadCell(theirs, 'ms'), spreadCell(ours, 'ms'), ratio, spreadCell(sinceDeath, 'ms')];
}

function steps(image: BenchImage, replacements: Replacement[]): string[] {
  const keys = ['diedMs', 'createdMs', 'startedMs', 'readyMs', 'totalMs'] as const;
  const medians = keys.map((key) => Math.round(summarize(replacements.map((one) => one[key])).median));
  return [image.name, ...medians.map(String)];
}
