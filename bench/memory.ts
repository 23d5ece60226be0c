/**
 * Resident memory of each process of an Orca that has nothing to do, with one service deployed, beside what the same
 * runtime needs for nothing at all: a Node that only waits, and the same Caddy with a Caddyfile of one site.
 */
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Orca, startOrca } from '../test/support/orca.js';
import { benchImages } from './images.js';
import { startPlainCaddy } from './plain-caddy.js';
import { residentMb } from './process-figures.js';
import type { Progress } from './progress.js';
import { type Report, ratioCell } from './report.js';
import { domainOf, serviceToml } from './service-files.js';
import { type Summary, summarize } from './statistics.js';

const programs = ['server', 'agent', 'resolver', 'caddy'] as const;
const aimMb: Record<(typeof programs)[number], number | null> = {
  server: 100,
  agent: 60,
  resolver: null,
  caddy: null,
};
const SETTLE_MS = 15_000;

/** One look a second, `rounds` times, after a quarter of a minute of quiet. */
export async function benchMemory(rounds: number, progress: Progress): Promise<Report> {
  const [light] = await benchImages();
  const orca = await startOrca();
  try {
    const { code, stderr } = await orca.deploy(serviceToml('quiet', light));
    if (code !== 0) throw new Error(`orca deploy ended with ${code}\n${stderr}`);
    return await beside(orca, rounds, progress);
  } finally {
    await orca.stop();
  }
}

async function beside(orca: Orca, rounds: number, progress: Progress): Promise<Report> {
  const endpoint = (await orca.service('quiet')).allocations[0]?.endpoint;
  if (!endpoint) throw new Error('the service has no endpoint');
  const node = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  const caddyBinary = readlinkSync(`/proc/${orca.pid('caddy')}/exe`);
  const caddy = await startPlainCaddy(caddyBinary, [{ domain: domainOf('quiet'), upstream: endpoint }]);
  try {
    progress('memory: waiting until all is quiet');
    await pause(SETTLE_MS);
    const pids = { ...pidsOf(orca), node: node.pid ?? 0, plain: caddy.pid };
    const seen = await sampled(pids, rounds);
    return {
      id: 'memory',
      title: 'Resident memory of an idle Orca',
      tables: [tableOf(seen)],
      notes: [
        `Median of ${rounds} looks, a second apart, with one service deployed and no traffic. Resident pages that processes share (the Node binary) are counted in each.`,
      ],
    };
  } finally {
    node.kill('SIGKILL');
    await caddy.stop();
  }
}

type Seen = Record<string, number[]>;

function pidsOf(orca: Orca): Record<(typeof programs)[number], number> {
  return {
    server: orca.pid('server'),
    agent: orca.pid('agent'),
    resolver: orca.pid('resolver'),
    caddy: orca.pid('caddy'),
  };
}

async function sampled(pids: Record<string, number>, rounds: number): Promise<Seen> {
  const seen: Seen = Object.fromEntries(Object.keys(pids).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    await pause(1_000);
    for (const [name, pid] of Object.entries(pids)) seen[name]?.push(residentMb(pid));
  }
  return seen;
}

function tableOf(seen: Seen) {
  const rows = programs.map((name) => {
    const ours = summarize(seen[name] ?? []);
    const bare = name === 'caddy' ? 'plain' : 'node';
    const theirs = summarize(seen[bare] ?? []);
    const limit = aimMb[name];
    const verdict = limit === null ? 'none' : `≤ ${limit} MB${ours.median <= limit ? '' : ', missed'}`;
    return [
      name === 'server' ? 'master' : name,
      megabytes(ours),
      verdict,
      `${bare === 'plain' ? 'Caddy with a Caddyfile' : 'a Node that waits'}: ${megabytes(theirs)}`,
      ratioCell(ours.median / theirs.median, {}),
    ];
  });
  return { columns: ['process', 'resident', 'aim', 'beside', 'ratio'], rows };
}

/** With a decimal, so that what misses its aim by little is seen to. */
function megabytes({ median, low, high }: Summary): string {
  return `${median.toFixed(1)} MB (${low.toFixed(1)}–${high.toFixed(1)})`;
}
