/** Requests that begin while an upstream of a real Caddy refuses connections, or breaks them: what is tried elsewhere. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { connect } from 'node:net';
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
  const id = `a.${port}`;
  const canary = anAllocation(id, port, { release: 2, group: 'canary' });
  const allocations = [anAllocation('a.1', stable.endpoint.port, { release: 1 }), canary];
  edge.apply([aRoute({ measured: true, canaryWeight: 50, allocations })]);
  await until('in force', () => edge.traffic(id)?.state === 'routed');
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

t.test('one with a body waits for a connection whose first packet was lost', async (t) => {
  const slow = await startFullBackend();
  t.teardown(() => slow.close());
  edge.apply([aRoute({ allocations: [anAllocation('b.1', slow.port)] })]);
  await until('in force', () => edge.traffic('b.1')?.state === 'routed');
  const reply = edge.client('', { method: 'POST', body: BODY });
  await until('the first packet to be sent again', () => isDialledAgain(slow.port));
  slow.accept();
  t.match(await reply, { statusCode: 200, body: 'late' });
});

const ANSWERING = `const server = require('node:http').createServer((request, response) => {
  request.resume().on('end', () => response.end('late'));
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => process.stdout.write(String(server.address().port)));`;

/** A backend that is stopped, with as many connections before it as its queue holds: the kernel drops what comes until `accept`. */
async function startFullBackend() {
  const child = spawn(process.execPath, ['-e', ANSWERING], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await once(child.stdout, 'data');
  const port = Number(said);
  child.kill('SIGSTOP');
  const before = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  for (const socket of before) await once(socket, 'connect');
  return {
    port,
    accept: () => child.kill('SIGCONT'),
    close() {
      for (const socket of before) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}

/** Whether a connection to that port has sent its first packet more than once (proc_net_tcp: state 02 is SYN_SENT, the seventh field counts). */
function isDialledAgain(port: number): boolean {
  const to = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(
      ([, , remote, state, , , again]) =>
        remote?.endsWith(to) && state === '02' && Number.parseInt(again ?? '0', 16) > 0,
    );
}
