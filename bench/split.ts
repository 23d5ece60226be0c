/**
 * The share of the requests that a canary is seen to get, beside the weight that it was given, with groups of several sizes, and
 * again with a copy of each group down. Ends within fifteen minutes: a slow machine makes fewer requests, and its rows say so.
 */
import type { ServiceStatus } from '../shared/api.js';
import { type Orca, startOrca } from '../test/support/orca.js';
import { runCommand } from './command.js';
import { type BenchImage, benchImages } from './images.js';
import type { Progress } from './progress.js';
import { countReleases, type ReleaseCount } from './release-count.js';
import type { Report } from './report.js';
import { domainOf, runOrca, serviceToml } from './service-files.js';
import { judgeShare } from './share.js';

const WEIGHTS = [1, 5, 20, 33, 50, 99];
const SIZES: Size[] = [
  { name: 'three-one', stable: 3, canary: 1 },
  { name: 'one-one', stable: 1, canary: 1 },
  { name: 'two-three', stable: 2, canary: 3 },
];
const REQUESTS_A_ROUND = 1_000;
/** What is left of the fifteen minutes is for the start, a command that takes long, and the clean-up. */
const MEASURE_MS = 840_000;
const IN_FORCE_MS = 20_000;
const COMMAND_TIMEOUT = ['--timeout', '60s'];

interface Size {
  name: string;
  stable: number;
  canary: number;
}

interface Row {
  size: Size;
  isReduced: boolean;
  weight: number;
  count: ReleaseCount;
}

/** Each round is 1,000 requests a row. */
export async function benchSplit(rounds: number, progress: Progress): Promise<Report> {
  const endMs = Date.now() + MEASURE_MS;
  const [, app] = await benchImages();
  const orca = await startOrca();
  try {
    progress('split: deploying');
    await deployed(orca, app);
    const rows = await measured(orca, rounds * REQUESTS_A_ROUND, endMs, progress);
    return reportOf(rows, rounds * REQUESTS_A_ROUND);
  } finally {
    await orca.stop();
  }
}

async function deployed(orca: Orca, app: BenchImage): Promise<void> {
  // Asked often, so that a copy that is down is soon out of the traffic.
  const readiness = ['[service.readiness]', 'path = "/health"', 'interval_secs = 0.5', 'timeout_secs = 1'];
  for (const release of ['stable', 'canary']) {
    const files = SIZES.map(({ name, stable, canary }) => {
      const deploy = [
        'strategy = "canary"',
        'canary_weight = 0',
        `canary_replicas = ${canary}`,
        ...readiness,
      ];
      return serviceToml(name, app, { replicas: stable, release, deploy });
    });
    orca.write('services/default/service.toml', files.join('\n'));
    await runOrca(orca, ['deploy', ...COMMAND_TIMEOUT]);
  }
}

/** The weights upward with all copies, then downward with fewer: a canary that isn't whole is given no greater share. */
async function measured(orca: Orca, requests: number, endMs: number, progress: Progress): Promise<Row[]> {
  const reducible = SIZES.filter(({ stable, canary }) => stable > 1 || canary > 1);
  const passes = [
    { sizes: SIZES, weights: WEIGHTS, isReduced: false },
    { sizes: reducible, weights: [...WEIGHTS].reverse(), isReduced: true },
  ];
  const rows: Row[] = [];
  let left = WEIGHTS.length * (SIZES.length + reducible.length);
  for (const { sizes, weights, isReduced } of passes) {
    if (isReduced) await Promise.all(sizes.map((size) => reduce(orca, size)));
    for (const weight of weights) {
      await Promise.all(sizes.map(({ name }) => give(orca, name, weight)));
      for (const size of sizes) {
        const rowEndMs = Date.now() + (endMs - Date.now()) / left;
        const count = await countReleases(orca.target(domainOf(size.name)), requests, rowEndMs);
        rows.push({ size, isReduced, weight, count });
        left -= 1;
      }
      progress(`split, ${isReduced ? 'a copy down' : 'all copies'}: ${weight} % done`);
    }
  }
  return rows;
}

/** Detached, since the command goes on waiting while a copy of the canary is down; the ingress says when it splits so. */
async function give(orca: Orca, name: string, weight: number): Promise<void> {
  await runOrca(orca, ['promote', name, '--weight', String(weight), '--detach']);
  const splits = ({ groups }: ServiceStatus) => groups.canary?.weight === weight;
  await orca.serviceThat(name, `to split at ${weight} %`, splits, IN_FORCE_MS);
}

/**
 * Stops a copy of each group that has another. By SIGSTOP, so that it stays down: one that ends is replaced at once. From
 * 100 % on, so that the first weight measured is a lesser one too, and is in force only with the copy out of the traffic.
 */
async function reduce(orca: Orca, { name, stable, canary }: Size): Promise<void> {
  await give(orca, name, 100);
  const { allocations } = await orca.service(name);
  const groups = { stable, canary };
  for (const group of ['stable', 'canary'] as const) {
    const allocation = allocations.find((one) => one.group === group);
    if (groups[group] < 2 || !allocation) continue;
    const [container] = await orca.containers({ 'orca.allocation': allocation.id });
    if (!container) throw new Error(`${allocation.id} has no container`);
    await runCommand('docker', ['kill', '--signal', 'STOP', container.Id]);
  }
  await orca.serviceThat(name, 'to be seen without a copy', ({ groups: seen }) => {
    const isSeen = (group: 'stable' | 'canary') => seen[group]?.ready === Math.max(1, groups[group] - 1);
    return isSeen('stable') && isSeen('canary');
  });
}

function reportOf(rows: Row[], requests: number): Report {
  const bySize = SIZES.flatMap((size) => rows.filter((row) => row.size === size));
  const cells = bySize.map(cellsOf);
  const outside = cells.filter((row) => row.at(-1) !== 'yes').length;
  const short = rows.filter(({ count }) => count.answers + count.failed < requests).length;
  return {
    id: 'split',
    title: 'The share of the requests that a canary gets, beside its weight',
    tables: [
      {
        columns: ['stable + canary', 'wanted', 'seen', 'difference', 'answers', 'failed', 'within'],
        rows: cells,
      },
    ],
    notes: [
      `${requests} requests a row over 8 connections that stay open, HTTP/1.1 over TLS on loopback; each answer is counted by the release that it names. Within: a percentage point, or three standard deviations where that is more. Outside: ${outside} of ${rows.length} rows.`,
      ...(short > 0 ? [`Cut short to end in time: ${short} of ${rows.length} rows.`] : []),
    ],
  };
}

function cellsOf({ size, isReduced, weight, count }: Row): string[] {
  const { seen, difference, allowed, isWithin } = judgeShare(weight, {
    canary: count.releases.canary ?? 0,
    answers: count.answers,
  });
  const copies = (wanted: number) =>
    isReduced && wanted > 1 ? `${wanted - 1} of ${wanted}` : String(wanted);
  return [
    `${copies(size.stable)} + ${copies(size.canary)}`,
    `${weight} %`,
    `${seen.toFixed(2)} %`,
    `${difference > 0 ? '+' : ''}${difference.toFixed(2)}`,
    String(count.answers),
    String(count.failed),
    isWithin ? 'yes' : `no, ±${allowed.toFixed(2)} allowed`,
  ];
}
