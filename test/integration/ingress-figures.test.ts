/** What went through a real Caddy, by release: requests, classes and latencies as the backends gave them. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import type { Route } from '../../proxy-config/route.js';
import { percentileOf } from '../../shared/latency.js';
import { anAllocation, aRoute, startBackend, startEdge, until } from './ingress-harness.js';

t.setTimeout(120_000);
const edge = await startEdge();
const answering = (name: string) =>
  startBackend(name, (request, response) => {
    const [, status = '200', ms = '0', type = 'text/plain'] = (request.url ?? '')
      .replace('/quiet', '')
      .split('/');
    response.statusCode = Number(status);
    response.setHeader('content-type', type.replace('-', '/'));
    setTimeout(() => response.end(name), Number(ms));
  });
const one = await answering('one');
const two = await answering('two');
const quiet = await answering('quiet');
one.server.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  socket.on('data', () => socket.end());
});
t.teardown(async () => {
  await edge.close();
  for (const backend of [one, two, quiet]) await backend.close();
});

const stable = anAllocation('a.1', one.endpoint.port, { release: 1 });
const canary = anAllocation('a.2', two.endpoint.port, { release: 2, group: 'canary' });
const loads = () => edge.logs.filter((line) => line.startsWith('Caddy serves')).length;
const figures = (release: number) =>
  edge.role.figures()?.figures.find((one) => one.service === 'shop/api' && one.release === release);
const requests = (release: number) => figures(release)?.requests ?? 0;

async function at(canaryWeight: number, over: Partial<Route> = {}): Promise<void> {
  const silent = aRoute({
    service: 'shop/quiet',
    srvName: 'quiet.shop.orca',
    paths: ['/quiet/*'],
    allocations: [anAllocation('q.1', quiet.endpoint.port, { release: 1 })],
  });
  edge.apply([aRoute({ measured: true, canaryWeight, allocations: [stable, canary], ...over }), silent]);
  await until('in force', () =>
    edge.role.observed()?.weights.some((w) => w.service === 'shop/api' && w.canaryWeight === canaryWeight),
  );
}

t.test('each release has what it answered, and nothing else', async (t) => {
  await at(0);
  for (const path of ['200/0', '200/0', '404/0', '200/0/text-event-stream']) await edge.client(path);
  await edge.client('quiet/200').text();
  await until('counted', () => requests(1) === 4);
  await at(100);
  await Promise.all([...Array(8)].map(() => edge.client('200/150')));
  await edge.client('500/0');
  await edge.client.post('503/0', { body: 'x' });
  await until('counted', () => requests(2) === 10);
  t.match(figures(1), { requests: 4, classes: [0, 3, 0, 1, 0] });
  t.equal(
    figures(1)?.latency.reduce((a, b) => a + b),
    3,
    'an event stream is not timed',
  );
  t.match(figures(2), { requests: 10, classes: [0, 8, 0, 0, 2] });
  const p50 = percentileOf(figures(2)?.latency ?? [], 50) ?? 0;
  t.ok(p50 > 130 && p50 < 1_000, `p50 is ${p50} ms`);
  t.notOk(
    edge.role.figures()?.figures.some((f) => f.service === 'shop/quiet'),
    'what is not measured is not counted',
  );
});

t.test('a WebSocket is counted, and not timed', async (t) => {
  await at(0);
  const timed = () => figures(1)?.latency.reduce((a, b) => a + b) ?? 0;
  const opened = () => figures(1)?.classes[0] ?? 0;
  const [before, openedBefore] = [timed(), opened()];
  const socket = connect({
    host: '127.0.0.1',
    port: edge.httpsPort,
    servername: 'shop.test',
    rejectUnauthorized: false,
  });
  socket.write('GET / HTTP/1.1\r\nHost: shop.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  socket.once('data', () => socket.write('bye'));
  await once(socket, 'close');
  await until('it is counted', () => opened() === openedBefore + 1);
  await edge.client('200/0');
  await until('a plain one is timed', () => timed() === before + 1);
  t.equal(opened(), openedBefore + 1);
});

t.test(
  'a client that goes away before its answer is not counted: nobody knows what it would have got',
  async (t) => {
    await at(0);
    const before = requests(1);
    const arrived = once(one.server, 'request');
    const request = edge.client('200/5000');
    request.catch(() => {});
    const [incoming] = (await arrived) as [IncomingMessage];
    const closed = once(incoming.socket, 'close');
    request.cancel();
    await closed;
    // Lines come in order, each within the same socket: after the second of these the first would have been counted.
    for (let n = 1; n <= 2; n += 1) {
      await edge.client('200/0');
      await until('a later one', () => requests(1) >= before + n);
    }
    t.equal(requests(1), before + 2);
  },
);

t.test('the sorry server’s answers are nobody’s', async (t) => {
  await at(0);
  const [one, two] = [requests(1), requests(2)];
  await at(0, { maintenance: 'Back soon' });
  await until('in maintenance', async () => (await edge.client('200/0')).statusCode === 503);
  await at(0);
  await until('back', async () => (await edge.client('200/0')).statusCode === 200);
  await until('counted', () => requests(1) > one);
  t.equal(figures(1)?.classes[4], 0);
  t.equal(requests(2), two);
});

t.test('what Caddy itself answers for an upstream that refuses is that release’s', async (t) => {
  await at(100);
  await two.close();
  const before = requests(2);
  const reply = await edge.client.post('200/0', { body: 'x' });
  t.equal(reply.statusCode, 503);
  await until('counted', () => requests(2) === before + 1);
  t.equal(figures(2)?.classes[4], 3);
});

t.test('a GET whose connection the canary cut is an error of the canary, and stable’s answer', async (t) => {
  const cutting = await startBackend('cutting', (request) => request.socket.destroy());
  t.teardown(() => cutting.close());
  const cut = anAllocation('a.3', cutting.endpoint.port, { release: 3, group: 'canary' });
  await at(50, { allocations: [stable, cut] });
  const before = requests(1);
  const asked = await Promise.all([...Array(60)].map(() => edge.client('200/0')));
  t.ok(asked.every((reply) => reply.statusCode === 200 && reply.body === 'one'));
  await until('counted', () => requests(1) === before + 60);
  const failed = figures(3);
  t.ok(failed && failed.requests >= 15 && failed.requests <= 45, `${failed?.requests} of 60 began there`);
  t.same(failed?.classes, [0, 0, 0, 0, failed?.requests]);
  t.equal(
    failed?.latency.reduce((a, b) => a + b),
    0,
    'a try that broke has no latency',
  );
});

t.test('a line says nothing of who asked for what', async (t) => {
  await at(0);
  const { port } = JSON.parse(readFileSync(join(edge.home, 'ingress', 'traffic.json'), 'utf8'));
  await edge.role.stop();
  const reader = createSocket('udp4');
  t.teardown(() => reader.close());
  reader.bind(port, '127.0.0.1');
  const line = once(reader, 'message');
  await edge.client('200/0?token=hush', { headers: { cookie: 'a=hush', authorization: 'Bearer hush' } });
  const [text] = await line;
  t.same(Object.keys(JSON.parse(text)).sort(), [
    'duration',
    'level',
    'logger',
    'msg',
    'status',
    'ts',
    'user_id',
  ]);
  t.notMatch(text.toString(), /hush/);
  t.ok(text.length < 300, `${text.length} bytes`);
  t.notMatch(readFileSync(join(edge.home, 'logs', 'caddy.log'), 'utf8'), /handled request/);
});

t.test('requests are answered while nobody reads', async (t) => {
  for (let asked = 0; asked < 200; asked += 20) {
    const replies = await Promise.all([...Array(20)].map(() => edge.client('200/0')));
    t.ok(replies.every((reply) => reply.statusCode === 200));
  }
});

t.test('a restarted agent counts anew on the same port, without a load of Caddy', async (t) => {
  const epoch = edge.role.figures()?.epoch;
  const before = loads();
  await edge.restartRole();
  t.equal(edge.role.figures(), null);
  await at(0);
  await edge.client('200/0');
  await until('counted', () => requests(1) === 1);
  t.not(edge.role.figures()?.epoch, epoch);
  t.equal(loads(), before);
});

t.test(
  'a service that is measured from now on is one load, also when the port is taken by then',
  async (t) => {
    const unmeasured = loads();
    await at(0, { measured: false });
    await until('loaded', () => loads() === unmeasured + 1);
    const { port } = JSON.parse(readFileSync(join(edge.home, 'ingress', 'traffic.json'), 'utf8'));
    await edge.role.stop();
    const other = createSocket('udp4');
    t.teardown(() => other.close());
    other.bind(port, '127.0.0.1');
    await once(other, 'listening');
    await edge.restartRole();
    await at(0, { measured: false });
    await edge.client('200/0');
    t.equal(edge.role.figures(), null);
    await at(0);
    await until('loaded', () => loads() > unmeasured + 1);
    await edge.client('200/0');
    await until('counted', () => requests(1) === 1);
    t.equal(loads(), unmeasured + 2);
  },
);
