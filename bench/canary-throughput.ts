/**
 * Requests per second through Orca's Caddy to one service at a time, in turns: of the rolling strategy, with a canary, and with
 * what may be chosen for a canary. Each has two containers of the same image, so that only what Caddy and the agent do differs.
 */
import type { Orca } from '../test/support/orca.js';
import type { BenchImage } from './images.js';
import type { Progress } from './progress.js';
import { ratioCell, spreadCell, type Table } from './report.js';
import { domainOf, runOrca, serviceToml } from './service-files.js';
import { summarize } from './statistics.js';
import { type LoadResult, wrk } from './wrk.js';

export const SECONDS = 3;
const WEIGHT = 20;

interface Variant {
  name: string;
  title: string;
  /** Of `[service.deploy]`; null: the rolling strategy. */
  deploy: string[] | null;
}

const canary = ['strategy = "canary"', `canary_weight = ${WEIGHT}`];

/** The first is what the others are measured against. */
const variants: Variant[] = [
  { name: 'plain', title: 'rolling', deploy: null },
  { name: 'canary', title: `canary at ${WEIGHT} %`, deploy: canary },
  { name: 'sticky', title: 'the same, `sticky`', deploy: [...canary, 'sticky = true'] },
  { name: 'header', title: 'the same, `group_header`', deploy: [...canary, 'group_header = true'] },
  {
    name: 'analysis',
    title: 'the same, an analysis under way',
    // One window that outlasts the benchmark.
    deploy: [
      'strategy = "canary"',
      `canary_steps = [${WEIGHT}]`,
      'step_secs = 3600',
      'auto_promote = false',
      '[service.deploy.analysis]',
      'max_error_rate = 1.0',
      'max_p95_ratio = 3.0',
    ],
  },
];

/** A row a variant, each with its ratio to the plain one: the median of the rounds' ratios. */
export async function canaryThroughput(
  orca: Orca,
  app: BenchImage,
  rounds: number,
  progress: Progress,
): Promise<Table> {
  await deployed(orca, app);
  const loads = new Map<string, LoadResult[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name } of inTurns(round)) {
      const load = await wrk(orca.httpsPort, [domainOf(name)], SECONDS);
      if (round > 0) loads.get(name)?.push(load);
    }
    if (round > 0) progress(`canary, requests: ${round} of ${rounds}`);
  }
  // A canary that was taken back or promoted meanwhile would have been measured as something else.
  for (const { name, deploy } of variants) if (deploy) await splits(orca, name);
  return tableOf(loads);
}

/** A first release of all, and a canary for those that have one. */
async function deployed(orca: Orca, app: BenchImage): Promise<void> {
  const files = (release: string) =>
    variants.map(({ name, deploy }) =>
      deploy
        ? serviceToml(name, app, { replicas: 1, release, deploy })
        : serviceToml(name, app, { replicas: 2 }),
    );
  orca.write('services/default/service.toml', files('stable').join('\n'));
  await runOrca(orca, ['deploy']);
  orca.write('services/default/service.toml', files('canary').join('\n'));
  // Detached, since the command would wait for the analysis.
  await runOrca(orca, ['deploy', '--detach']);
  for (const { name, deploy } of variants) if (deploy) await splits(orca, name);
}

async function splits(orca: Orca, name: string): Promise<void> {
  await orca.serviceThat(name, `to give its canary ${WEIGHT} %`, ({ groups, rollout }) => {
    const isThere = groups.canary?.weight === WEIGHT && groups.canary.ready === 1;
    return isThere && rollout?.state === 'canary';
  });
}

/** Another one begins in each round, so that none is always behind the same one. */
function inTurns(round: number): Variant[] {
  const first = round % variants.length;
  return [...variants.slice(first), ...variants.slice(0, first)];
}

function tableOf(loads: ReadonlyMap<string, LoadResult[]>): Table {
  const rates = (name: string) => (loads.get(name) ?? []).map(({ requestsPerSecond }) => requestsPerSecond);
  const plain = rates('plain');
  const rows = variants.map(({ name, title, deploy }) => {
    const ratios = rates(name).map((rate, at) => rate / (plain[at] ?? Number.NaN));
    const failed = (loads.get(name) ?? []).reduce((sum, load) => sum + load.failed, 0);
    const ratio = deploy ? ratioCell(summarize(ratios).median, {}) : '';
    return [title, spreadCell(summarize(rates(name)), '/s'), ratio, String(failed)];
  });
  return { columns: ['service', 'requests per second', 'ratio to rolling', 'failed'], rows };
}
