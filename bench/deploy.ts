/**
 * `orca deploy` of one replica of an image that is there, from the start of the command to the first 200 through HTTPS,
 * beside `docker run` of the same image to its first 200. A new service each round; the two sides take turns at being first.
 * Measured twice: into a project that has another service, and as the first of its project, whose network has to be made.
 */
import { type Orca, startOrca } from '../test/support/orca.js';
import { containerEvents } from './docker-events.js';
import { type DockerRun, dockerRun } from './docker-run.js';
import { firstAnswer, now } from './first-answer.js';
import { type BenchImage, benchImages } from './images.js';
import type { Progress } from './progress.js';
import { type Report, ratioCell, spreadCell } from './report.js';
import { domainOf, removeService, serviceToml } from './service-files.js';
import { summarize } from './statistics.js';

const AIM = { atMost: 1.5 };

interface OrcaDeploy {
  /** All from the start of the command, in milliseconds. */
  acceptedMs: number;
  createdMs: number;
  startedMs: number;
  readyMs: number;
  totalMs: number;
  endedMs: number;
}

/** Measures `rounds` deploys of each image, after one that doesn't count. */
export async function benchDeploy(rounds: number, progress: Progress): Promise<Report> {
  const images = await benchImages();
  const orca = await startOrca();
  const report: Report = {
    id: 'deploy',
    title: '`orca deploy` to the first 200 through HTTPS, beside `docker run` to the first 200',
    tables: [
      { columns: ['image', '`docker run`', '`orca deploy`', 'ratio'], rows: [] },
      {
        columns: [
          'median ms since the command',
          'accepted',
          'created',
          'started',
          'ready',
          'first 200',
          'command ended',
        ],
        rows: [],
      },
    ],
    notes: [
      `Median of ${rounds} rounds after one that does not count, with the middle half in brackets. A new service with a new domain each round.`,
    ],
  };
  try {
    for (const isFirst of [true, false]) {
      if (!isFirst) await deployed(orca, 'resident', images[0]);
      for (const image of [...images].reverse()) {
        const sides = await measure(orca, image, rounds, progress);
        report.tables[0]?.rows.unshift(headline(image, isFirst, sides));
        report.tables[1]?.rows.unshift(...steps(image, isFirst, sides));
      }
    }
  } finally {
    await orca.stop();
  }
  return report;
}

interface Sides {
  docker: DockerRun[];
  orca: OrcaDeploy[];
}

async function measure(orca: Orca, image: BenchImage, rounds: number, progress: Progress): Promise<Sides> {
  const sides: Sides = { docker: [], orca: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const name = `${image.name}-${round}`;
    const byDocker = async () => sides.docker.push(await dockerRun(image, `${orca.cluster}-${name}`));
    const byOrca = async () => sides.orca.push(await orcaDeploy(orca, image, name));
    for (const side of round % 2 === 0 ? [byDocker, byOrca] : [byOrca, byDocker]) await side();
    if (round === 0) Object.assign(sides, { docker: [], orca: [] });
    else progress(`deploy, ${image.name}: ${round} of ${rounds}`);
  }
  return sides;
}

async function orcaDeploy(orca: Orca, image: BenchImage, name: string): Promise<OrcaDeploy> {
  const { caPem } = orca.target(domainOf(name));
  const failed = new AbortController();
  const startMs = now();
  const command = orca.deploy(serviceToml(name, image)).then((result) => {
    const endedMs = now() - startMs;
    if (result.code === 0) return endedMs;
    const error = new Error(`orca deploy ended with ${result.code}\n${result.stdout}${result.stderr}`);
    failed.abort(error);
    throw error;
  });
  const answered = firstAnswer(
    { port: orca.httpsPort, tls: { domain: domainOf(name), caPem } },
    failed.signal,
  );
  const [endedMs, answeredMs] = await Promise.all([command, answered]);
  const service = await orca.service(name);
  const at = await containerEvents(startMs, ({ labels }) => labels['orca.service'] === name);
  const since = (iso: string | undefined) => (iso ? Date.parse(iso) : Number.NaN) - startMs;
  const deployed = {
    acceptedMs: since((await startedAt(orca, name)) ?? undefined),
    createdMs: (at.create ?? Number.NaN) - startMs,
    startedMs: (at.start ?? Number.NaN) - startMs,
    readyMs: since(service.allocations[0]?.since),
    totalMs: answeredMs - startMs,
    endedMs,
  };
  await removeService(orca, name);
  return deployed;
}

/** When the master accepted the service's only rollout. */
async function startedAt(orca: Orca, name: string): Promise<string | null> {
  const { body } = await orca.api('GET', `/services/${name}/history`);
  const { rollouts } = JSON.parse(body) as { rollouts: { started_at: string }[] };
  return rollouts[0]?.started_at ?? null;
}

async function deployed(orca: Orca, name: string, image: BenchImage): Promise<void> {
  const { code, stdout, stderr } = await orca.deploy(serviceToml(name, image));
  if (code !== 0) throw new Error(`orca deploy ended with ${code}\n${stdout}${stderr}`);
}

function headline(image: BenchImage, isFirst: boolean, { docker, orca }: Sides): string[] {
  const theirs = summarize(docker.map(({ totalMs }) => totalMs));
  const ours = summarize(orca.map(({ totalMs }) => totalMs));
  const ratio = ratioCell(ours.median / theirs.median, AIM);
  const title = isFirst ? `${image.title}, first of its project` : image.title;
  return [title, spreadCell(theirs, 'ms'), spreadCell(ours, 'ms'), ratio];
}

function steps(image: BenchImage, isFirst: boolean, { docker, orca }: Sides): string[][] {
  const theirs = (key: keyof DockerRun) => medianCell(docker.map((run) => run[key]));
  const ours = (key: keyof OrcaDeploy) => medianCell(orca.map((run) => run[key]));
  const name = isFirst ? `${image.name}, first of its project` : image.name;
  return [
    [`${name}: \`docker run\``, '', theirs('createdMs'), theirs('startedMs'), '', theirs('totalMs'), ''],
    [
      `${name}: \`orca deploy\``,
      ours('acceptedMs'),
      ours('createdMs'),
      ours('startedMs'),
      ours('readyMs'),
      ours('totalMs'),
      ours('endedMs'),
    ],
  ];
}

function medianCell(values: number[]): string {
  const seen = values.filter((value) => !Number.isNaN(value));
  return seen.length === 0 ? 'not seen' : String(Math.round(summarize(seen).median));
}
