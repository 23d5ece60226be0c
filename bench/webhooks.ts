/**
 * How long a push waits for its 202 when 200 come at once, each signed, of GitHub's form and size, and on disk when it is answered. Beside
 * it: as many `GET /health` over the same connections, which nothing is read or written for. A round counts every call; none may be lost.
 */
import { readFileSync } from 'node:fs';
import { Agent, type RequestOptions } from 'node:https';
import { join } from 'node:path';
import type { DeliveriesReply, WebhookAdded } from '../shared/api-webhooks.js';
import { githubPush, type HookCall, signedCall } from '../test/support/hook-payloads.js';
import { request } from '../test/support/https-request.js';
import { type Orca, startOrca } from '../test/support/orca.js';
import { waitFor } from '../test/support/wait-for.js';
import { benchImages } from './images.js';
import type { Progress } from './progress.js';
import type { Report } from './report.js';
import { serviceToml } from './service-files.js';
import { percentile } from './statistics.js';

const AT_ONCE = 200;
const AIM_P99_MS = 20;
const WARM_UP_ROUNDS = 2;

type Sent = 'pushes' | 'health' | 'fresh';

export async function benchWebhooks(rounds: number, progress: Progress): Promise<Report> {
  const [light] = await benchImages();
  const orca = await startOrca();
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  try {
    await orca.deployed(serviceToml('hooked', light));
    const added = await orca.run(['webhooks', 'add', '--repo', 'org/myapp', '--service', 'hooked', '--json']);
    const webhook = added.json<WebhookAdded>();
    const times: Record<Sent, number[]> = { pushes: [], health: [], fresh: [] };
    for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
      progress(`webhooks: round ${Math.max(0, round + 1)} of ${rounds}`);
      const seen = await oneRound(orca, agent, webhook);
      if (round >= 0) for (const of of ['pushes', 'health', 'fresh'] as const) times[of].push(...seen[of]);
    }
    return reportOf(times, rounds);
  } finally {
    agent.destroy();
    await orca.stop();
  }
}

async function oneRound(
  orca: Orca,
  agent: Agent,
  { id, secret }: WebhookAdded,
): Promise<Record<Sent, number[]>> {
  const ca = readFileSync(join(orca.home, 'ca.pem'));
  const base = { host: '127.0.0.1', port: orca.apiPort, ca };
  const post = ({ headers }: HookCall): RequestOptions => ({
    ...{ ...base, method: 'POST', path: `/api/v1/webhooks/github/${id}`, headers },
  });
  const calls = () => Array.from({ length: AT_ONCE }, () => signedCall('github', secret ?? '', githubPush()));
  const health = await together(calls(), () => ({ ...base, agent, path: '/api/v1/health' }), 200);
  const kept = calls();
  const pushes = await together(kept, (call) => ({ ...post(call), agent }), 202);
  await allKept(orca, id, kept);
  const fresh = await together(calls(), (call) => ({ ...post(call), agent: false }), 202);
  return { pushes, health, fresh };
}

/** From the moment all are sent to each answer, ms. */
async function together(
  calls: HookCall[],
  optionsOf: (call: HookCall) => RequestOptions,
  wanted: number,
): Promise<number[]> {
  const prepared = calls.map((call) => ({
    options: optionsOf(call),
    body: wanted === 202 ? call.body : undefined,
  }));
  const began = performance.now();
  return await Promise.all(
    prepared.map(async ({ options, body }) => {
      const { status, body: text } = await request(options, body);
      if (status !== wanted) throw new Error(`answered ${status}: ${text}`);
      return performance.now() - began;
    }),
  );
}

async function allKept(orca: Orca, id: string, calls: HookCall[]): Promise<void> {
  const { body } = await orca.api('GET', `/webhooks/${id}/deliveries`);
  const kept = new Set((JSON.parse(body) as DeliveriesReply).deliveries.map(({ remote_id }) => remote_id));
  const lost = calls.filter(({ headers }) => !kept.has(headers['x-github-delivery'] ?? ''));
  if (lost.length > 0) throw new Error(`${lost.length} of ${calls.length} deliveries were lost`);
  await waitFor('the burst to be one', async () => {
    const { body: now } = await orca.api('GET', `/webhooks/${id}/deliveries`);
    return (
      (JSON.parse(now) as DeliveriesReply).deliveries.filter(({ state }) => state === 'waiting').length <= 1
    );
  });
}

function reportOf(times: Record<Sent, number[]>, rounds: number): Report {
  const cells = (all: number[]) => [50, 99, 100].map((share) => `${percentile(all, share).toFixed(1)} ms`);
  const p99 = percentile(times.pushes, 99);
  const aim = `≤ ${AIM_P99_MS} ms${p99 <= AIM_P99_MS ? '' : ', missed'}`;
  return {
    id: 'webhooks',
    title: `${AT_ONCE} pushes at once, to the answer of each`,
    tables: [
      {
        columns: ['what', 'median', '99 %', 'slowest', 'aim of 99 %'],
        rows: [
          ['signed pushes, on disk, over open connections', ...cells(times.pushes), aim],
          ['`GET /health`, over the same connections', ...cells(times.health), 'none'],
          ['signed pushes, each over a new TLS connection', ...cells(times.fresh), 'none'],
        ],
      },
    ],
    notes: [
      `${rounds} rounds of ${AT_ONCE} each; the clock of every call begins when the first is sent, so that it has the waiting behind all others in it. Sender and master share the machine. None was lost in any round.`,
    ],
  };
}
