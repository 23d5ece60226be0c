/** The resolver in this process, asked over real sockets. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import t from 'tap';
import { exchange } from '../../../proxy-config/control-client.js';
import { dnsAnswerer } from '../../../proxy-config/dns-answer.js';
import { startResolver } from '../../../proxy-config/resolver.js';
import { resolverClient } from '../../../proxy-config/resolver-client.js';
import type { RecordTable } from '../../../proxy-config/upstreams.js';
import { waitFor } from '../../support/wait-for.js';

const table = (port: number, count = 1): RecordTable => ({
  notices: [],
  srv: {
    'a.p.orca': Array.from({ length: count }, (_, i) => ({
      target: 'ip-10-0-0-1.orca',
      port,
      priority: i,
      weight: 0,
    })),
  },
  hosts: { 'ip-10-0-0-1.orca': '10.0.0.1', 'ip-fd00--1.orca': 'fd00::1' },
});

t.test('a table that the disk refuses is served all the same, and stored once there is room', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orca-resolver-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const client = resolverClient(join(directory, 'resolver.sock'));
  const stored = (): number => JSON.parse(readFileSync(join(directory, 'resolver.json'), 'utf8')).revision;
  const running = await startResolver(directory, null, 20);
  if (!running) throw new Error('it did not start');
  t.match(await client.publish(1, table(80)), { unstored: null });
  const draft = join(directory, `resolver.json.${process.pid}.tmp`);
  mkdirSync(draft);
  t.match(await client.publish(2, table(81)), { revision: 2, unstored: /EISDIR/ });
  t.match((await askTcp(running.ports.srvTcpPort, 'SRV', 'a.p.orca')).answers, [{ data: { port: 81 } }]);
  t.equal(stored(), 1, 'the last whole one stays');
  rmdirSync(draft);
  await waitFor('it on disk', () => stored() === 2);
  t.match(await client.ping(), { revision: 2, unstored: null });
  await running.stop();
});

t.test('publishes, answers over UDP and TCP, and remembers', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orca-resolver-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const socket = join(directory, 'resolver.sock');
  const client = resolverClient(socket);
  const first = await startResolver(directory);
  if (!first) throw new Error('it did not start');
  const { ports } = first;

  t.equal((await askTcp(ports.srvTcpPort, 'SRV', 'a.p.orca')).rcode, 'SERVFAIL', 'before any table');
  const published = await client.publish(5, table(80, 100));
  t.match(published, { revision: 5, ports, pid: process.pid });
  t.equal(statSync(socket).mode & 0o777, 0o600);
  t.equal(statSync(join(directory, 'resolver.json')).mode & 0o777, 0o600);

  const udp = new Resolver({ timeout: 1_000 });
  udp.setServers([`127.0.0.1:${ports.dnsUdpPort}`]);
  t.same(await udp.resolve4('ip-10-0-0-1.orca'), ['10.0.0.1']);
  t.same(await udp.resolve6('IP-fd00--1.orca'), ['fd00::1']);
  await t.rejects(udp.resolve4('nobody.orca'), { code: 'ENOTFOUND' });
  await t.rejects(udp.resolve6('ip-10-0-0-1.orca'), { code: 'ENODATA' });
  t.equal((await udp.resolveSrv('a.p.orca')).length, 100, 'truncated by UDP, asked again by TCP');
  t.equal((await askTcp(ports.srvTcpPort, 'SRV', 'a.p.orca')).answers?.length, 100);
  t.equal((await askTcp(ports.srvTcpPort, 'A', 'ip-10-0-0-1.orca')).answers?.length, 1);

  await t.rejects(client.publish(5, table(81)), /older revision/);
  const again = await client.publish(6, table(80, 100));
  t.equal(again.sinceMs['a.p.orca'], published.sinceMs['a.p.orca'], 'equal records keep their age');

  t.equal(await startResolver(directory), null, 'a second instance ends');
  await first.stop();

  const second = await startResolver(directory);
  if (!second) throw new Error('it did not start again');
  t.same(second.ports, ports, 'the same ports');
  t.match(await client.ping(), { revision: 6, sinceMs: published.sinceMs });
  t.same(await udp.resolve4('ip-10-0-0-1.orca'), ['10.0.0.1']);

  const noise = createSocket('udp4');
  for (let i = 0; i < 50; i += 1) noise.send(randomBytes(i), ports.dnsUdpPort, '127.0.0.1');
  await sendTcp(ports.srvTcpPort, Buffer.from([0xff, 0xff, 1, 2, 3]));
  await sendTcp(ports.srvTcpPort, Buffer.concat([Buffer.from([0, 20]), randomBytes(20)]));
  t.same(await udp.resolve4('ip-10-0-0-1.orca'), ['10.0.0.1'], 'noise changes nothing');
  noise.close();

  const sorry = await fetch(`http://127.0.0.1:${ports.sorryPort}/`, {
    method: 'POST',
    body: 'x'.repeat(1 << 20),
  });
  t.equal(sorry.status, 503);
  t.ok(sorry.headers.get('retry-after'));
  await sorry.text();
  await second.stop();
});

t.test('certificates are shown to who has the password, and remembered', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orca-resolver-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const client = resolverClient(join(directory, 'resolver.sock'));
  const first = await startResolver(directory);
  if (!first) throw new Error('it did not start');
  const ask = async (name: string, { certificateKey, certificatePort } = first.ports) => {
    const authorization = `Basic ${Buffer.from(`caddy:${certificateKey}`).toString('base64')}`;
    const url = `http://127.0.0.1:${certificatePort}/?server_name=${name}&cipher_suites=1%2C2`;
    const answer = await fetch(url, { headers: { authorization } });
    return [answer.status, await answer.text()];
  };
  t.same(await ask('a.test'), [503, ''], 'before there are any');
  t.equal((await client.ping()).certificates, null);
  const own = { names: ['a.test', '*.b.test'], pem: 'own' };
  const { certificates } = await client.certify({ certificates: [own], fallback: 'none' });
  t.same(await ask('a.test'), [200, 'own']);
  t.same(await ask('C.B.test'), [200, 'own']);
  t.same(await ask('__proto__'), [200, 'none']);
  t.same(await ask(''), [200, 'none']);
  for (const certificateKey of ['', 'x', `${first.ports.certificateKey}0`])
    t.same(await ask('a.test', { ...first.ports, certificateKey }), [401, '']);
  t.equal((await fetch(`http://127.0.0.1:${first.ports.certificatePort}/?server_name=a.test`)).status, 401);
  for (const file of ['certificates.json', 'ports.json'])
    t.equal(statSync(join(directory, file)).mode & 0o777, 0o600);
  await first.stop();

  const second = await startResolver(directory);
  if (!second) throw new Error('it did not start again');
  t.same(second.ports, first.ports);
  t.equal((await client.ping()).certificates, certificates);
  t.same(await ask('a.test'), [200, 'own']);
  await t.rejects(exchangeOf(directory, { op: 'certify', certificates: {} }), /unknown message/);
  await second.stop();
});

t.test('a damaged table file is as none', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orca-resolver-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'resolver.json'), '{"revision":5,"tab');
  writeFileSync(join(directory, 'ports.json'), '');
  const running = await startResolver(directory);
  if (!running) throw new Error('it did not start');
  t.equal((await resolverClient(join(directory, 'resolver.sock')).ping()).revision, 0);
  await running.stop();
});

t.test('a table that was written before there were notices is served', async (t) => {
  const { notices, ...older } = table(80);
  const directory = mkdtempSync(join(tmpdir(), 'orca-resolver-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(
    join(directory, 'resolver.json'),
    JSON.stringify({ revision: 5, table: older, sinceMs: { 'a.p.orca': 1 } }),
  );
  const running = await startResolver(directory);
  if (!running) throw new Error('it did not start');
  t.match(await resolverClient(join(directory, 'resolver.sock')).ping(), {
    revision: 5,
    sinceMs: { 'a.p.orca': 1 },
  });
  t.equal((await askTcp(running.ports.srvTcpPort, 'SRV', 'a.p.orca')).answers?.length, 1);
  t.equal((await fetch(`http://127.0.0.1:${running.ports.sorryPort}/`)).status, 503);
  t.same(notices, []);
  await running.stop();
});

t.test('a segment that only another config of Caddy has is answered as its service is', async (t) => {
  const ask = (name: string) => {
    const query = dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'SRV', name }] });
    const reply = dnsAnswerer(table(80)).answer(query, 'tcp');
    return reply ? (dnsPacket.decode(reply).answers?.length ?? 0) : null;
  };
  t.equal(ask('u33.a.p.orca'), 1);
  t.equal(ask('canary.A.p.orca'), 1);
  for (const name of ['x.u33.a.p.orca', 'b.p.orca', 'p.orca', 'orca', '']) t.equal(ask(name), 0, name);
});

t.test('no packet makes it throw, and an answer is never longer than what asked for it allows', async (t) => {
  const answerer = dnsAnswerer(table(80, 100));
  const query = dnsPacket.encode({ type: 'query', id: 7, questions: [{ type: 'SRV', name: 'a.p.orca' }] });
  const damaged = fc.tuple(fc.nat(query.length), fc.nat(255)).map(([at, byte]) => {
    const copy = Buffer.from(query);
    if (at < copy.length) copy[at] = byte;
    return copy;
  });
  const bytes = fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(fc.oneof(damaged, bytes), (packet) => {
      const reply = answerer.answer(packet, 'udp');
      t.ok(reply === null || reply.length <= 1_232);
      if (reply) t.same(reply.subarray(0, 2), packet.subarray(0, 2), 'the id of the question');
      answerer.answer(packet, 'tcp');
    }),
    { numRuns: 1_000 },
  );
});

t.test('a name that only objects have is unknown', async (t) => {
  const query = dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'SRV', name: '__proto__' }] });
  const reply = dnsAnswerer(table(80)).answer(query, 'tcp');
  t.equal(reply && (dnsPacket.decode(reply) as { rcode?: string }).rcode, 'NXDOMAIN');
});

async function exchangeOf(directory: string, message: object): Promise<void> {
  const where = { message, timeoutMs: 1_000, who: 'it' };
  const reply = await exchange<{ ok: boolean; reason?: string }>(join(directory, 'resolver.sock'), where);
  if (!reply.ok) throw new Error(reply.reason);
}

function askTcp(port: number, type: 'SRV' | 'A', name: string) {
  const query = dnsPacket.streamEncode({ type: 'query', id: 9, questions: [{ type, name }] });
  return new Promise<dnsPacket.DecodedPacket & { rcode?: string }>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let got = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < got.readUInt16BE(0) + 2) return;
      socket.destroy();
      resolve(dnsPacket.decode(got.subarray(2)));
    });
    socket.write(query.subarray(0, 5));
    socket.write(query.subarray(5));
  });
}

function sendTcp(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
    socket.end(bytes);
  });
}
