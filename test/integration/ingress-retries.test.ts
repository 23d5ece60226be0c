/** Requests that begin while an upstream of a real Caddy refuses connections, or breaks them: what is tried elsewhere. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import t from 'tap';
import { caddyTraits } from '../../proxy-config/caddy-version.js';
import { freePort } from '../support/free-port.js';
import { anAllocation, aRoute, startBackend, startEdge, until } from './ingress-harness.js';

const REQUESTS = 60;
const BODY = 'x'.repeat(20_000);

t.setTimeout(120_000);
const digest = (text: string) => createHash('sha256').update(text).digest('hex');
const hashing: RequestListener = (request, response) => {
  const hash = createHash('sha256');
  request.on('data', (chunk) => hash.update(chunk));
  request.on('end', () => response.end(hash.digest('hex')));
};
let broken = 0;
const breaking: RequestListener = (request: IncomingMessage) => {
  broken += 1;
  request.resume().on('end', () => request.socket.destroy());
};
const edge = await startEdge();
const stable = await startBackend('stable', hashing);
const cutting = await startBackend('cutting', breaking);
t.teardown(async () => {
  await edge.close();
  for (const backend of [stable, cutting]) await backend.close();
});

async function beside(port: number): Promise<void> {
  const canary = anAllocation('a.2', port, { release: 2, group: 'canary' });
  const allocations = [anAllocation('a.1', stable.endpoint.port, { release: 1 }), canary];
  edge.apply([aRoute({ measured: true, canaryWeight: 50, allocations })]);
  await until('in force', () => edge.traffic('a.2')?.state === 'routed');
}

const askAll = async (options: {
  method: 'POST' | 'DELETE';
  body?: string;
  headers?: Record<string, string>;
}) => Promise.all(Array.from({ length: REQUESTS }, () => edge.client('', options)));

t.test(
  'one without a body is tried elsewhere when the connection is refused, whatever its method',
  async (t) => {
    await beside(await freePort());
    for (const method of ['POST', 'DELETE'] as const) {
      const headers = method === 'POST' ? { 'content-length': '0' } : {};
      const replies = await askAll({ method, headers });
      t.same([...new Set(replies.map((r) => r.statusCode))], [200], method);
    }
  },
);

t.test(
  'one with a body too, where Caddy still has the body; else 503 says that it may be sent again',
  async (t) => {
    await beside(await freePort());
    const version = edge.role.observed()?.caddyVersion ?? null;
    const replies = await askAll({ method: 'POST', body: BODY });
    const served = replies.filter((reply) => reply.statusCode === 200);
    t.ok(
      served.every((reply) => reply.body === digest(BODY)),
      'whole',
    );
    t.comment(`Caddy ${version}: ${served.length} of ${REQUESTS}`);
    if (caddyTraits(version).keepsBodies) t.equal(served.length, REQUESTS);
    else {
      const refused = replies.filter((reply) => reply.statusCode !== 200);
      t.ok(refused.every((reply) => reply.statusCode === 503 && reply.headers['retry-after'] !== undefined));
    }
  },
);

t.test('one that was received is not sent twice', async (t) => {
  await beside(cutting.endpoint.port);
  for (const options of [{ body: BODY }, { headers: { 'content-length': '0' } }]) {
    broken = 0;
    const replies = await askAll({ method: 'POST', ...options });
    const failed = replies.filter((reply) => reply.statusCode === 502).length;
    t.equal(failed, broken);
    t.equal(replies.filter((reply) => reply.statusCode === 200).length, REQUESTS - broken);
    t.ok(broken > 5, `${broken} of ${REQUESTS} began there`);
  }
});
