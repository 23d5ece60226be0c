/**
 * What a master costs as its cluster grows: 10, 100 and 1,000 agents with real sessions and twenty allocations each. From an API
 * call until the agents have taken what changed, from the kill of the master until all have theirs again, and what it needs.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { agentsIn, type Crowd, startCrowd } from './crowd.js';
import type { Taken } from './crowd-main.js';
import { processorMs, residentMb } from './process-figures.js';
import type { Progress } from './progress.js';
import type { Report } from './report.js';

const SIZES = [10, 100, 1_000];
/** On each agent: there are as many services as agents, of so many copies each. */
const COPIES = 20;
const aims = { oneMs: 100, stormSeconds: 10, megabytes: 400, percent: 5 };
const IDLE_MS = 20_000;
const BATCH = 50;

/** Of the largest cluster only, all but the first column: aims are for that. */
export async function benchSimulation(rounds: number, progress: Progress): Promise<Report> {
  const rows: string[][] = [];
  for (const count of SIZES) rows.push(await measure(count, rounds, progress));
  return {
    id: 'simulation',
    title: 'One master, and more and more agents',
    tables: [
      {
        columns: ['agents', 'one service: p50, p99', 'all services: p50, p99', 'storm', 'resident', 'idle'],
        rows,
      },
    ],
    notes: [
      `Each agent has a session, a certificate and ${COPIES} allocations of its own; its engine does everything at once. All of them share the machine with the master.`,
      `"One service": from \`POST /services/NAME/stop\` until each of the agents that run it has taken its new assignment, ${rounds} services. "All": the same for \`DELETE /projects/NAME\`, which stops every one.`,
      '"Storm": from the start of a master in place of one that was killed until every agent has its assignment again.',
      `"Idle": processor time of the master over ${IDLE_MS / 1_000} s in which nothing is asked of it, of one core. Aims for 1,000 agents: p99 ≤ ${aims.oneMs} ms, storm ≤ ${aims.stormSeconds} s, ≤ ${aims.megabytes} MB, ≤ ${aims.percent} %.`,
    ],
  };
}

async function measure(count: number, rounds: number, progress: Progress): Promise<string[]> {
  progress(`simulation: ${count} agents join`);
  const crowd = await startCrowd(count);
  try {
    await deployAll(crowd, progress);
    const one = await stopOne(crowd, Math.min(rounds, count), progress);
    progress(`simulation: ${count} agents at rest`);
    const megabytes = residentMb(crowd.masterPid());
    const percent = await busyPercent(crowd.masterPid());
    const stormMs = await storm(crowd, progress);
    progress(`simulation: every service of ${count} agents is stopped`);
    const all = await stopAll(crowd);
    const isLargest = count === SIZES.at(-1);
    const verdict = (text: string, value: number, aim: number): string =>
      isLargest ? `${text} (aim ≤ ${aim}${value <= aim ? '' : ', missed'})` : text;
    return [
      String(count),
      verdict(`${ms(quantile(one, 0.5))}, ${ms(quantile(one, 0.99))}`, quantile(one, 0.99), aims.oneMs),
      `${ms(quantile(all, 0.5))}, ${ms(quantile(all, 0.99))}`,
      verdict(`${(stormMs / 1_000).toFixed(1)} s`, stormMs / 1_000, aims.stormSeconds),
      verdict(`${Math.round(megabytes)} MB`, megabytes, aims.megabytes),
      verdict(`${percent.toFixed(1)} %`, percent, aims.percent),
    ];
  } finally {
    await crowd.stop();
  }
}

const nameOf = (index: number): string => `s-${index}`;

async function deployAll(crowd: Crowd, progress: Progress): Promise<void> {
  for (let from = 0; from < crowd.count; from += BATCH) {
    progress(`simulation: ${from} of ${crowd.count} services deployed`);
    const services = Array.from({ length: Math.min(BATCH, crowd.count - from) }, (_, at) => ({
      name: nameOf(from + at),
      image: 'app:1',
      replicas: COPIES,
      readiness: { command: ['true'] },
    }));
    await crowd.api('POST', '/deploy?wait=10m', { services });
  }
  await quiet(crowd);
}

/** Nothing has been assigned for a second. */
async function quiet(crowd: Crowd): Promise<void> {
  do {
    crowd.taken();
    await pause(1_000);
  } while (crowd.taken().length > 0);
}

/** Milliseconds from the call to each of the agents concerned, over all rounds. */
async function stopOne(crowd: Crowd, rounds: number, progress: Progress): Promise<number[]> {
  const waited: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    progress(`simulation: round ${round + 1} of ${rounds}`);
    const concerned = Math.min(COPIES, crowd.count);
    const fromMs = nowMs();
    await crowd.api('POST', `/services/${nameOf(round)}/stop`);
    const taken = await crowd.until('its agents to know', (seen) => agentsIn(seen) >= concerned);
    waited.push(...firstOf(taken, fromMs));
    await quiet(crowd);
    await crowd.api('POST', `/services/${nameOf(round)}/start`);
    await quiet(crowd);
  }
  return waited;
}

async function stopAll(crowd: Crowd): Promise<number[]> {
  await quiet(crowd);
  const fromMs = nowMs();
  await crowd.api('DELETE', '/projects/default');
  return firstOf(await crowd.until('all agents to know', (seen) => agentsIn(seen) === crowd.count), fromMs);
}

/** The first that each agent took. */
function firstOf(taken: readonly Taken[], fromMs: number): number[] {
  const first = new Map<number, number>();
  for (const { agent, atMs } of taken) if (!first.has(agent)) first.set(agent, atMs - fromMs);
  return [...first.values()];
}

async function storm(crowd: Crowd, progress: Progress): Promise<number> {
  progress(`simulation: the master of ${crowd.count} agents is killed`);
  await crowd.killMaster();
  crowd.taken();
  const fromMs = nowMs();
  await crowd.startMaster();
  const taken = await crowd.until('all to be back', (seen) => agentsIn(seen) === crowd.count);
  return Math.max(...firstOf(taken, fromMs));
}

const nowMs = (): number => performance.timeOrigin + performance.now();
const ms = (value: number): string => `${value.toFixed(0)} ms`;

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

async function busyPercent(pid: number): Promise<number> {
  const before = processorMs(pid);
  await pause(IDLE_MS);
  return ((processorMs(pid) - before) * 100) / IDLE_MS;
}
