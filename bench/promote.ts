/**
 * From the start of `orca promote` until all of the traffic is the canary's, and until the command ends, beside `docker run` of
 * the same image to its first 200. With one replica the canary has its full size already; with two, one more is started first.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Orca } from '../test/support/orca.js';
import { dockerRun } from './docker-run.js';
import { now, PAUSE_MS } from './first-answer.js';
import type { BenchImage } from './images.js';
import type { Progress } from './progress.js';
import { ratioCell, spreadCell, type Table } from './report.js';
import { domainOf, removeService, runOrca, serviceToml } from './service-files.js';
import { summarize } from './statistics.js';

/** By chance a canary with a fifth of the traffic answers so often in a row once in 10^14 times. */
export const IN_A_ROW = 20;
const DEADLINE_MS = 90_000;
const deploy = ['strategy = "canary"', 'canary_weight = 20', 'canary_replicas = 1'];

const sizes = [
  { replicas: 1, title: '1 replica: none to start' },
  { replicas: 2, title: '2 replicas: one to start' },
];

interface Promotion {
  /** From the start of the command, in milliseconds. */
  allTrafficMs: number;
  endedMs: number;
}

interface Sides {
  docker: number[];
  orca: Promotion[];
}

/** Measures `rounds` promotions of each size, after one that doesn't count. */
export async function promotions(
  orca: Orca,
  app: BenchImage,
  rounds: number,
  progress: Progress,
): Promise<Table> {
  const columns = ['service', '`docker run`', 'all traffic', 'ratio', 'command ended', 'ratio'];
  const rows: string[][] = [];
  for (const { replicas, title } of sizes) {
    const name = `promoted-${replicas}`;
    const release = (round: number) => serviceToml(name, app, { replicas, release: `r${round}`, deploy });
    orca.write('services/default/service.toml', release(-1));
    await runOrca(orca, ['deploy']);
    let sides: Sides = { docker: [], orca: [] };
    for (let round = 0; round <= rounds; round += 1) {
      orca.write('services/default/service.toml', release(round));
      // Returns when the canary's first share is in force.
      await runOrca(orca, ['deploy']);
      const byDocker = async () => {
        sides.docker.push((await dockerRun(app, `${orca.cluster}-${name}-${round}`)).totalMs);
      };
      const byOrca = async () => sides.orca.push(await promotion(orca, name, `r${round}`));
      for (const side of round % 2 === 0 ? [byDocker, byOrca] : [byOrca, byDocker]) await side();
      if (round === 0) sides = { docker: [], orca: [] };
      else progress(`canary, promote with ${replicas}: ${round} of ${rounds}`);
    }
    rows.push(row(title, sides));
    await removeService(orca, name);
  }
  return { columns, rows };
}

async function promotion(orca: Orca, name: string, release: string): Promise<Promotion> {
  const startMs = now();
  const failed = new AbortController();
  const command = runOrca(orca, ['promote', name]).then(
    () => now() - startMs,
    (error: Error) => {
      failed.abort(error);
      throw error;
    },
  );
  const answered = allFrom(orca, domainOf(name), release, failed.signal);
  const [endedMs, allTrafficMs] = await Promise.all([command, answered]);
  return { allTrafficMs: allTrafficMs - startMs, endedMs };
}

/** The time (as of `now`) of the first of so many answers in a row from that release, asked as `firstAnswer` asks. */
async function allFrom(orca: Orca, domain: string, release: string, signal: AbortSignal): Promise<number> {
  const deadlineMs = now() + DEADLINE_MS;
  let inARow = 0;
  let firstMs = 0;
  while (inARow < IN_A_ROW) {
    signal.throwIfAborted();
    if (now() > deadlineMs) throw new Error(`${release} did not get all traffic within ${DEADLINE_MS} ms`);
    const { status, headers } = await orca.get(domain);
    if (status !== 200) throw new Error(`${domain} answered ${status} during a promotion`);
    inARow = headers['x-release'] === release ? inARow + 1 : 0;
    if (inARow === 1) firstMs = now();
    await pause(PAUSE_MS);
  }
  return firstMs;
}

function row(title: string, { docker, orca }: Sides): string[] {
  const theirs = summarize(docker);
  const beside = (values: number[]) => {
    const ours = summarize(values);
    return [spreadCell(ours, 'ms'), ratioCell(ours.median / theirs.median, {})];
  };
  return [
    title,
    spreadCell(theirs, 'ms'),
    ...beside(orca.map(({ allTrafficMs }) => allTrafficMs)),
    ...beside(orca.map(({ endedMs }) => endedMs)),
  ];
}
