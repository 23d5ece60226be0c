import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import dnsPacket from 'dns-packet';
import t, { type Test } from 'tap';
import { AcmeFailure } from '../../../../master/acme/problem.js';
import { everyAddress, type Found, withUnseen } from '../../../../master/acme/reach.js';

const V4 = '192.0.2.1';
const V6 = '2001:db8::1';
const here: Found = { says: null };
const noWay: Found = { says: 'does not answer on port 80 (ENETUNREACH)', code: 'ENETUNREACH' };
const elsewhere: Found = { says: 'is not this cluster: it answers 404 on port 80' };

/** A name server that answers these addresses for every name. */
async function resolvers(t: Test, addresses: string[]): Promise<string[]> {
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.on('message', (query, from) => {
    const { id = 0, questions = [] } = dnsPacket.decode(query);
    const [{ name, type } = { name: '', type: 'A' }] = questions;
    const answers = addresses.flatMap((data) => {
      const of = data.includes(':') ? ('AAAA' as const) : ('A' as const);
      return of === type ? [{ type: of, name, ttl: 0, data }] : [];
    });
    socket.send(dnsPacket.encode({ type: 'response', id, questions, answers }), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return [`127.0.0.1:${(socket.address() as AddressInfo).port}`];
}

async function looked(t: Test, found: Record<string, Found>): Promise<string[]> {
  const options = {
    ...{ name: 'a.example.com', ingress: ['198.51.100.4'] },
    resolvers: await resolvers(t, Object.keys(found)),
  };
  return everyAddress(options, async (address) => found[address] ?? elsewhere);
}

t.test('every address that can be looked at must lead here', async (t) => {
  t.same(await looked(t, { [V4]: here, [V6]: here }), []);
  await t.rejects(looked(t, { [V4]: here, [V6]: elsewhere }), {
    message: 'a.example.com points to 2001:db8::1, which is not this cluster: it answers 404 on port 80',
    todo: /^Point a\.example\.com to this cluster \(198\.51\.100\.4\)/,
  });
  await t.rejects(looked(t, {}), { message: /has no address in DNS/ });
});

t.test('at an ingress of this cluster it is a port that is amiss, not the name', async (t) => {
  const at = '198.51.100.4';
  await t.rejects(looked(t, { [at]: elsewhere }), {
    message: `a.example.com points to ${at}, an ingress of this cluster, where something else answers 404 on port 80`,
    todo: /orca nodes/,
  });
  const silent: Found = { says: 'does not answer on port 80 (ECONNREFUSED)', code: 'ECONNREFUSED' };
  await t.rejects(looked(t, { [at]: silent }), { message: /where it does not answer on port 80/ });
});

t.test('what could not be looked at is told, and is nothing to order by alone', async (t) => {
  t.same(await looked(t, { [V4]: here, [V6]: noWay }), [V6]);
  await t.rejects(looked(t, { [V4]: elsewhere, [V6]: noWay }), { message: /points to 192\.0\.2\.1, which/ });
  await t.rejects(looked(t, { [V6]: noWay }), {
    message: /only addresses that the master has no way to \(IPv6, .*can't see whether .*: 2001:db8::1$/,
    todo: /^If they do, give the master's host a way there, or a\.example\.com an A record too/,
  });
});

t.test('a refusal names what nobody could look at, where that may be why', async (t) => {
  const refused = new AcmeFailure('ca refused (unauthorized): 404');
  t.match(withUnseen(refused, [V6]), {
    message:
      'ca refused (unauthorized): 404; the CA may have come by 2001:db8::1, where the master has no way to look',
    todo: /^See that 2001:db8::1 leads to this cluster too, or remove that record/,
  });
  t.equal(withUnseen(refused, []), refused);
  for (const other of [
    new AcmeFailure('x', null, { isGone: true }),
    new AcmeFailure('x', null, { notBeforeMs: 1 }),
    new AcmeFailure('x', 'do that'),
  ])
    t.equal(withUnseen(other, [V6]), other);
});
