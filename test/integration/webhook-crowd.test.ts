/**
 * Many large bodies at once of somebody who has no secret: they are refused, cost a bounded memory, and nobody else's push is held up.
 * Large is under the limit of 25 MiB, so that every byte has to be read before it can be refused.
 */
import t from 'tap';
import { githubPush, signedCall } from '../support/hook-payloads.js';
import { hookedMaster } from '../support/hooked-master.js';
import { waitFor } from '../support/wait-for.js';

const CROWD = 40;
const BYTES = 20 * 1024 * 1024;
/** Of what two large bodies, the sockets and what is not collected yet take; all of the crowd has 800 MB. */
const GROWTH_MB = 300;

t.test('a crowd of large bodies without a secret', { timeout: 300_000 }, async (t) => {
  const crowded = await hookedMaster(CROWD);
  const honest = await hookedCalls(crowded);
  t.teardown(crowded.close);
  const before = crowded.program.cost().residentMb;
  const forged = signedCall('github', 'a guess', '{}').headers;
  const body = Buffer.alloc(BYTES, 'x');
  let ended = 0;
  const crowd = Array.from({ length: CROWD }, async () => {
    const { status } = await crowded.post('/webhooks/github', { headers: forged, body });
    ended += 1;
    return status;
  });
  let peak = 0;
  let taken = 0;
  await waitFor(
    'the crowd to be answered',
    async () => {
      peak = Math.max(peak, crowded.program.cost().residentMb);
      if (ended < CROWD) taken += (await honest()) === 202 ? 1 : 0;
      return ended === CROWD;
    },
    { timeoutMs: 240_000, everyMs: 20 },
  );
  const statuses = await Promise.all(crowd);
  // Who found no room within its time is told to come again.
  t.same(
    statuses.filter((status) => status !== 401 && status !== 429),
    [],
  );
  t.ok(statuses.includes(401));
  t.comment(`${taken} honest pushes meanwhile; ${before.toFixed(0)} → ${peak.toFixed(0)} MB`);
  t.ok(taken > 0, 'signed pushes were taken in meanwhile');
  t.ok(peak - before < GROWTH_MB, `${(peak - before).toFixed(0)} MB more`);
});

/** Sends a signed push over a connection of its own; answers the status. */
async function hookedCalls({ api, alone }: Awaited<ReturnType<typeof hookedMaster>>) {
  const wanted = { repo: 'org/myapp', service_name: 'api' };
  const { id, secret } = (await api('POST', '/webhooks', wanted)).json as { id: string; secret: string };
  return async (): Promise<number> => {
    const call = signedCall('github', secret, githubPush({ ref: 'refs/heads/dev' }));
    return (await alone(`/webhooks/github/${id}`, call)).status;
  };
}
