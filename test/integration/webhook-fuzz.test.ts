/**
 * Calls that should not be, by the thousand, against a live master over real TLS: each is answered with a refusal, nothing is deployed,
 * and the master goes on, no larger than before. `ORCA_FUZZ_CALLS` in all, from `ORCA_FUZZ_SEED`: the same seed makes the same calls. And
 * how long a refusal takes does not tell how much of a signature was right.
 */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { providers } from '../../shared/webhook.js';
import { githubPush, signedCall } from '../support/hook-payloads.js';
import { hookedMaster } from '../support/hooked-master.js';
import type { Cost } from '../support/live-program.js';

const seed = Number(process.env.ORCA_FUZZ_SEED ?? randomInt(2 ** 30));
const calls = Number(process.env.ORCA_FUZZ_CALLS ?? 5_000);
const LANES = 16;
const GROWTH = { residentMb: 120, homeKiB: 1_024, openFiles: LANES };
t.comment(`seed ${seed}, ${calls} calls`);

const text = fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: 'binary', maxLength: 40 }));
const headerText = fc.string({ maxLength: 120 }).map((some) => some.replace(/[^\t -~]/g, ''));
const body = fc.oneof(
  text,
  fc.json(),
  fc.constant(JSON.stringify(githubPush())),
  fc.nat({ max: 3_000 }).map((depth) => '{"a":'.repeat(depth)),
  fc.string({ maxLength: 40 }).map((some) => `payload=${encodeURIComponent(Buffer.from(some).toString())}`),
);
const headers = fc.dictionary(
  fc.constantFrom(
    ...['x-hub-signature-256', 'x-hub-signature', 'x-gitea-signature', 'x-gitlab-token', 'x-github-event'],
    ...['x-gitlab-event', 'x-gitea-event', 'x-github-delivery', 'idempotency-key', 'content-type'],
    ...['content-encoding', 'authorization', 'x-forwarded-for', 'transfer-encoding-x', 'x-orca-event'],
  ),
  fc.oneof(
    headerText,
    fc.constantFrom(
      'push',
      'ping',
      'Push Hook',
      'application/json',
      'application/x-www-form-urlencoded',
      'gzip',
    ),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 }),
    fc
      .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })
      .map((hex) => `sha256=${hex}`),
  ),
  { maxKeys: 8 },
);
const place = fc.tuple(
  fc.constantFrom(...providers, 'bitbucket'),
  fc.oneof(
    fc.constant(''),
    fc.constantFrom('/wh-00000000', '/%00', '/..%2f', '/%', '/__proto__'),
    fc.webPath(),
  ),
);
// Made before there is a connection: it may take longer than the 5 s after which a server ends one that is idle.
const all = fc.sample(fc.record({ place, headers, body }), { seed, numRuns: calls });

const { program, api, post, close } = await hookedMaster(LANES);
t.teardown(close);

t.test(
  'nothing that is not signed deploys anything or ends the master',
  { timeout: 3_600_000 },
  async (t) => {
    const statuses = new Map<number, number>();
    let next = 0;
    let before: Cost | null = null;
    const lane = async () => {
      while (next < all.length) {
        const {
          place: [provider, path] = ['github', ''],
          headers: given = {},
          body: sent = '',
        } = all[next++] ?? {};
        const { status } = await post(`/webhooks/${provider}${path}`, { headers: given, body: sent });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (next > calls / 4) before ??= program.cost();
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    t.comment(JSON.stringify([...statuses]));
    const refusals = [400, 401, 404, 413, 414];
    t.same(
      [...statuses.keys()].filter((status) => !refusals.includes(status)),
      [],
      'each is refused',
    );
    t.equal((await api('GET', '/health')).status, 200);
    const { webhooks } = (await api('GET', '/webhooks')).json as { webhooks: { last_delivery: unknown }[] };
    t.same(
      webhooks.map(({ last_delivery }) => last_delivery),
      providers.map(() => null),
      'nothing was kept',
    );
    t.equal(((await api('GET', '/services/api/history')).json as { rollouts: [] }).rollouts.length, 0);
    const after = program.cost();
    t.comment(`${JSON.stringify(before)} → ${JSON.stringify(after)}`);
    for (const of of ['residentMb', 'homeKiB', 'openFiles'] as const)
      t.ok(after[of] - (before ?? after)[of] <= GROWTH[of], `${of} did not grow`);
  },
);

t.test('a refusal takes as long whether nothing or almost all of a signature is right', async (t) => {
  const { secret, id } = await addWebhook();
  const call = signedCall('github', secret, githubPush());
  const valid = call.headers['x-hub-signature-256'] ?? '';
  const changed = (at: number) => {
    const hex = valid.slice(7);
    return `sha256=${hex.slice(0, at)}${hex[at] === '0' ? '1' : '0'}${hex.slice(at + 1)}`;
  };
  const times: Record<string, number[]> = { first: [], last: [], unknown: [] };
  const timed = async (of: keyof typeof times, path: string, signature: string) => {
    const began = performance.now();
    const { status } = await post(path, {
      ...call,
      headers: { ...call.headers, 'x-hub-signature-256': signature },
    });
    times[of]?.push(performance.now() - began);
    t.equal(status, 401);
  };
  for (let round = 0; round < 200; round += 1) {
    await timed('first', `/webhooks/github/${id}`, changed(0));
    await timed('last', `/webhooks/github/${id}`, changed(63));
    await timed('unknown', '/webhooks/github/wh-00000000', changed(0));
  }
  const medians = Object.entries(times).map(
    ([of, all]) => [of, all.sort((a, b) => a - b)[100] ?? 0] as const,
  );
  t.comment(medians.map(([of, ms]) => `${of}: ${ms.toFixed(3)} ms`).join(', '));
  const values = medians.map(([, ms]) => ms);
  // What one more byte compared would take is nanoseconds; this only shows that none is a shortcut.
  t.ok(Math.max(...values) < 2 * Math.min(...values));
});

async function addWebhook(provider = 'github'): Promise<{ id: string; secret: string }> {
  const wanted = { repo: 'org/myapp', service_name: 'api', provider };
  return (await api('POST', '/webhooks', wanted)).json as { id: string; secret: string };
}
