import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dnsPacket from 'dns-packet';
import t, { type Test } from 'tap';
import { createProxy } from '../../../discovery/proxy.js';
import type { Served, ServedService } from '../../../discovery/served.js';
import { type ServerReply, startServer } from '../../../discovery/server.js';
import { exchange } from '../../../proxy-config/control-client.js';
import { waitFor } from '../../support/wait-for.js';
import { aServed, aServedService } from './a-table.js';

/** On loopback every address is local: what the host's range is to containers. */
const dns = '127.0.33.1';
const address = '127.0.33.9';

/** A program that answers each connection through `serve`; answers where. */
async function aBackend(t: Test, serve: (socket: Socket) => void) {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const at = server.address();
  return { address: '127.0.0.1', port: typeof at === 'object' && at ? at.port : 0 };
}

const closed = { address: '127.0.0.1', port: 1 };

/** What a proxy joins new connections to `port` with. */
async function aProxy(t: Test, service: () => ServedService, limits?: Parameters<typeof createProxy>[0]) {
  const proxy = createProxy(limits);
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
    proxy.join(socket, service()),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const at = server.address();
  return { proxy, port: typeof at === 'object' && at ? at.port : 0 };
}

const backends = (...endpoints: { address: string; port: number }[]): ServedService =>
  aServedService({
    backends: endpoints.map((endpoint, i) => ({ id: `b${i}`, group: 'stable', endpoint })),
  });

/** What comes until the other side ends; this side may go on. */
async function allOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks).toString();
}

const errorOf = (socket: Socket): Promise<string> =>
  new Promise((resolve) =>
    socket
      .once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      .once('end', () => resolve('end'))
      .resume(),
  );

t.test('who can’t be reached is passed over, and avoided for a while', async (t) => {
  const echo = await aBackend(t, (socket) => socket.pipe(socket));
  const { port } = await aProxy(t, () => backends(closed, closed, closed, echo));
  for (let i = 0; i < 20; i += 1) {
    const socket = connect({ port, allowHalfOpen: true });
    socket.end(`hello ${i}`);
    t.equal(await allOf(socket), `hello ${i}`);
  }
});

t.test('each direction ends by itself', async (t) => {
  const upper = await aBackend(t, async (socket) => socket.end((await allOf(socket)).toUpperCase()));
  const { port, proxy } = await aProxy(t, () => backends(upper));
  const socket = connect({ port, allowHalfOpen: true });
  socket.end('said to the end');
  t.equal(await allOf(socket), 'SAID TO THE END');
  await waitFor('nothing to be open', () => proxy.open().size === 0);
});

t.test('a slow reader slows its writer', async (t) => {
  let written = 0;
  const flood = await aBackend(t, (socket) => {
    const chunk = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (socket.write(chunk)) written += chunk.length;
      written += chunk.length;
    };
    socket.on('drain', more);
    more();
  });
  const { port } = await aProxy(t, () => backends(flood));
  const socket = connect(port).pause();
  t.teardown(() => socket.destroy());
  let before = -1;
  await waitFor('it to stand still', () => {
    const isSame = before === written && written > 0;
    before = written;
    return isSame;
  });
  t.ok(written < 64 * 1024 * 1024, `${written} bytes are on the way`);
});

t.test('nobody ready, nobody reached and too many at once are resets', async (t) => {
  const echo = await aBackend(t, (socket) => socket.pipe(socket));
  const nobody = await aProxy(t, () => backends());
  t.equal(await errorOf(connect(nobody.port)), 'ECONNRESET');
  const unreached = await aProxy(t, () => backends(closed));
  t.equal(await errorOf(connect(unreached.port)), 'ECONNRESET');
  const full = await aProxy(t, () => backends(echo), { maxConnections: 1, connectMs: 1_000, avoidMs: 1_000 });
  const first = connect(full.port);
  first.write('x');
  await once(first, 'data');
  t.match(full.proxy.problem(), /1 connections are open/);
  t.equal(await errorOf(connect(full.port)), 'ECONNRESET');
  first.destroy();
  await waitFor('room', () => full.proxy.problem() === null);
});

t.test('a reset is passed on, either way', async (t) => {
  const resets = await aBackend(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  let seen = '';
  const watches = await aBackend(t, (socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => {
      seen = error.code ?? '';
    });
    socket.write('ready');
    socket.resume();
  });
  const one = await aProxy(t, () => backends(resets));
  const socket = connect(one.port);
  socket.write('x');
  t.equal(await errorOf(socket), 'ECONNRESET');
  const two = await aProxy(t, () => backends(watches));
  const other = connect(two.port);
  await once(other, 'data');
  other.resetAndDestroy();
  await waitFor('the backend to see it', () => seen === 'ECONNRESET');
});

t.test('what is open stays open while others get what is new, and is counted', async (t) => {
  const old = await aBackend(t, (socket) => socket.pipe(socket));
  const fresh = await aBackend(t, (socket) => socket.end('fresh'));
  let service = aServedService({ backends: [{ id: 'old', group: 'stable', endpoint: old }] });
  const { port, proxy } = await aProxy(t, () => service);
  const socket = connect(port);
  socket.write('one');
  t.equal(String((await once(socket, 'data'))[0]), 'one');
  service = aServedService({ backends: [{ id: 'fresh', group: 'stable', endpoint: fresh }] });
  t.equal(await allOf(connect(port)), 'fresh');
  socket.write('two');
  t.equal(String((await once(socket, 'data'))[0]), 'two');
  t.equal(proxy.open().get('old'), 1);
  socket.end();
  await waitFor('it to be closed', () => !proxy.open().has('old'));
});

async function aServer(t: Test, folder = mkdtempSync(join(tmpdir(), 'orca-names-'))) {
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startServer(folder, dns);
  if (server === null) throw new Error('it does not start');
  t.teardown(() => server.stop().catch(() => {}));
  const ask = (message: object) =>
    exchange<ServerReply>(join(folder, 'names.sock'), { message, timeoutMs: 1_000, who: 'it' });
  const publish = (revision: number, served: Served) => ask({ op: 'publish', revision, served });
  return { ...server, folder, ask, publish };
}

async function lookUp(port: number, name: string): Promise<dnsPacket.DecodedPacket> {
  const socket = createSocket('udp4');
  const query = dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name }] });
  socket.send(query, port, dns);
  const [reply] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return dnsPacket.decode(reply);
}

const loopback = [{ project: 'shop', subnet: '127.0.0.0/8' }];

t.test('it answers names, and joins what calls a service’s address', async (t) => {
  const hello = await aBackend(t, (socket) => socket.end('hello'));
  const { port, publish } = await aServer(t);
  const served = aServed({ dns, networks: loopback, services: [{ ...backends(hello), address }] });
  t.match(await publish(1, served), { ok: true, revision: 1, port, dns, problem: null });
  t.match(await lookUp(port, 'db'), { rcode: 'NOERROR', answers: [{ data: address }] });
  t.equal(await allOf(connect(port, address)), 'hello');
  const tcp = connect(port, dns);
  const query = dnsPacket.streamEncode({
    type: 'query',
    id: 2,
    questions: [{ type: 'A', name: 'db.shop.orca' }],
  });
  tcp.write(query);
  const [reply] = (await once(tcp, 'data')) as [Buffer];
  t.match(dnsPacket.streamDecode(reply), { id: 2, answers: [{ data: address }] });
  tcp.destroy();
  t.equal(await errorOf(connect(port, '127.0.33.10')), 'ECONNRESET', 'an address without a service');
});

t.test('who is not in the project’s network is turned away', async (t) => {
  const hello = await aBackend(t, (socket) => socket.end('hello'));
  const { port, publish } = await aServer(t);
  const services = [{ ...backends(hello), address }];
  await publish(1, aServed({ dns, networks: [{ project: 'blog', subnet: '127.0.0.0/8' }], services }));
  t.equal(await errorOf(connect(port, address)), 'ECONNRESET', 'of another project');
  t.match(await lookUp(port, 'db.shop.orca'), { rcode: 'NXDOMAIN' });
  await publish(2, aServed({ dns, networks: [], services }));
  t.equal(await errorOf(connect(port, address)), 'ECONNRESET', 'of none');
  t.match(await lookUp(port, 'db'), { rcode: 'REFUSED' });
});

t.test(
  'an older revision is refused, and a second instance too; what was served is served after a start',
  async (t) => {
    const hello = await aBackend(t, (socket) => socket.end('hello'));
    const first = await aServer(t);
    const served = aServed({ dns, networks: loopback, services: [{ ...backends(hello), address }] });
    await first.publish(5, served);
    t.match(await first.publish(5, served), { ok: false, reason: 'older revision' });
    t.match(await first.ask({ op: 'dance' }), { ok: false, reason: 'unknown message' });
    t.equal(await startServer(first.folder, dns), null);
    await first.stop();
    const second = await aServer(t, first.folder);
    t.match(await second.ask({ op: 'ping' }), { ok: true, revision: 5, port: first.port });
    t.equal(await allOf(connect(second.port, address)), 'hello');
  },
);
