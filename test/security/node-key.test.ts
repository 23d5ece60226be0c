/** Somebody has the key of one node: what they can make the master believe, and for how long. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { RELAY_PROTOCOL } from '../../shared/carry.js';
import { closeCodes } from '../../shared/close-codes.js';
import { askAsHost, csrOf, joined } from '../support/a-host.js';
import { aHello } from '../support/fake-agent.js';
import { request } from '../support/https-request.js';
import { aBody, agentOf, serviceOf, statusOf } from '../support/master-words.js';
import { testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';

/** A master whose own node runs a service, and the session of a thief who has the key of another one. */
async function stolen(t: Test, toml = '') {
  const m = await testMaster({ toml });
  t.teardown(() => m.stop());
  const own = await agentOf(m);
  own.obey();
  t.teardown(() => own.close());
  const body = aBody({ placement: { node: hostname() } });
  const deployed = await m.api('POST', '/deploy?wait=20s', { services: [body] });
  if (deployed.status !== 200) throw new Error(deployed.body);
  const host = await joined(m);
  const said = { ...aHello().facts, name: hostname(), secrets: true };
  const thief = await agentOf(m, { credentials: host, hello: { facts: said } });
  await thief.until('an assignment', () => thief.assignment());
  return { m, own, host, thief };
}

t.test('it speaks of no copy but its own, and of no requests', async (t) => {
  const { m, own, thief } = await stolen(t);
  const before = await serviceOf(m);
  const victim = own.assignment()?.allocations[0];
  if (!victim) throw new Error('nothing runs');
  thief.report((status) => ({
    ...status,
    allocations: [
      {
        ...{
          id: victim.id,
          state: 'exited',
          reason: 'so says a thief',
          sinceMs: 1,
          restarts: 9,
          exitCode: 1,
        },
        ...{ lastLogs: ['lies'], endpoint: { address: '192.0.2.66', port: 1 }, containerId: 'c' },
      },
    ],
    ingress: {
      ...{ revision: 9_999, caddy: 'down', caddyVersion: null, resolver: 'down', reason: 'so says a thief' },
      traffic: [{ allocation: victim.id, state: 'drained', inFlight: 77, reason: null }],
      weights: [{ service: 'default/api', canaryWeight: 100 }],
    },
  }));
  const counted = { service: 'default/api', release: 1, requests: 9, classes: [0, 0, 0, 0, 9], latency: [9] };
  thief.send({ type: 'figures', epoch: 'e', figures: [counted] });
  await thief.until('the receipt', () => thief.received.some(({ type }) => type === 'status-receipt'));
  const after = await serviceOf(m);
  t.same(after?.allocations, before?.allocations);
  t.match(after, { status: 'running', running_replicas: 1 });
  t.equal(after?.groups.stable?.traffic ?? null, null, 'figures are for who has the ingress role');
  t.notMatch(JSON.stringify(after), /thief|192\.0\.2\.66/);
});

t.test('it has the name that it joined with, and so no labels and no services of another', async (t) => {
  const toml = `[[node]]\nname = "${hostname()}"\nlabels = { vault = "yes" }\n`;
  const { m, thief } = await stolen(t, toml);
  const nodes = (await statusOf(m)).nodes.map(({ name, labels }) => [name, labels.vault ?? null]).sort();
  t.same(
    nodes,
    [
      [hostname(), 'yes'],
      ['worker-1', null],
    ].sort(),
  );
  await m.api('POST', '/secrets', { secrets: [{ name: 'KEY', value: 'hush-hush' }] });
  const services = [
    aBody({ name: 'safe', domain: 's.example.com', placement: { labels: { vault: 'yes' } } }),
    aBody({ name: 'pinned', domain: 'p.example.com', placement: { node: hostname() } }),
  ];
  t.equal((await m.api('POST', '/deploy?wait=20s', { services })).status, 200);
  t.same(thief.assignment()?.allocations, []);
});

t.test('it has no address of another, and so no services and no labels that go by it', async (t) => {
  const m = await testMaster({ toml: '[[node]]\naddress = "10.9.9.9"\nlabels = { vault = "yes" }\n' });
  t.teardown(() => m.stop());
  const facts = { ...aHello().facts, address: '10.9.9.9', secrets: true };
  const own = await agentOf(m, { hello: { facts } });
  own.obey();
  const host = await joined(m);
  const thief = await agentOf(m, { credentials: host, hello: { facts } });
  thief.obey();
  await thief.until('an assignment', () => thief.assignment());
  const nodes = (await statusOf(m)).nodes.map(({ name, address, labels }) => [
    name,
    address,
    labels.vault ?? null,
  ]);
  t.same(
    nodes.sort(),
    [
      [hostname(), '10.9.9.9', 'yes'],
      ['worker-1', '127.0.0.1', null],
    ].sort(),
  );
  await m.api('POST', '/secrets', { secrets: [{ key: 'KEY', value: 'hush-hush' }] });
  const env = { KEY: `\${secrets.KEY}` };
  const services = [1, 2, 3].flatMap((at) => [
    aBody({ name: `p${at}`, domain: `p${at}.example.com`, env, placement: { node: '10.9.9.9' } }),
    aBody({ name: `l${at}`, domain: `l${at}.example.com`, env, placement: { labels: { vault: 'yes' } } }),
  ]);
  t.equal((await m.api('POST', '/deploy?wait=20s', { services })).status, 200);
  t.same(thief.assignment()?.allocations, []);
  t.notMatch(JSON.stringify(thief.received), /hush-hush/);
  t.match(
    (await m.api('GET', '/events')).body,
    /says that it is at 10\.9\.9\.9, from where it does not connect/,
  );
});

t.test(
  'its copies are at its own address, not at a loopback or a bridge of who sends requests',
  async (t) => {
    const { m, own, thief } = await stolen(t);
    thief.obey((status) => ({
      ...status,
      allocations: status.allocations.map((one) => ({
        ...one,
        endpoint: { address: '172.17.0.1', port: 2375 },
      })),
    }));
    const body = aBody({ name: 'its', domain: 'its.example.com', placement: { node: 'worker-1' } });
    await m.api('POST', '/deploy', { services: [body] });
    const its = await waitFor('its copy to be shown', async () => {
      const found = await serviceOf(m, 'its');
      return found?.allocations.some(({ reason }) => reason?.includes('172.17.0.1')) && found;
    });
    t.match(its.allocations[0]?.reason, /is said to be at 172\.17\.0\.1, and its node is at 127\.0\.0\.1/);
    const routes = own.received.flatMap((one) =>
      one.type === 'assignment' ? (one.ingress?.routes ?? []) : [],
    );
    t.notMatch(JSON.stringify(routes), /2375/);
  },
);

t.test('a node that is removed is cut off at once, and is let in by nothing that it has', async (t) => {
  const { m, host, thief } = await stolen(t);
  t.equal((await m.api('DELETE', '/cluster/nodes/worker-1?force=true')).status, 200);
  const closed = await thief.until('the end of its session', () => thief.closed);
  t.match(closed, { code: closeCodes.unknownNode, reason: /removed/ });
  const again = await agentOf(m, { credentials: host });
  t.equal((await again.until('the close', () => again.closed)).code, closeCodes.unknownNode);
  t.equal(again.assignment(), null);
  const renewed = await askAsHost(m, '/nodes/renew', { csr: csrOf(host.key) }, host);
  t.match(renewed, { status: 403, json: { code: 'NODE_NOT_ENROLLED' } });
  await waitFor('it to be forgotten', async () => (await statusOf(m)).nodes.length === 1);
});

t.test('no words of it break the master, or what is shown to anybody', async (t) => {
  const { m, own, host, thief } = await stolen(t);
  for (const path of ['/relay/to/%zz', '/relay/from/%ff', '/relay/to/%']) {
    const answer = await request({
      ...{ host: '127.0.0.1', port: m.port, path, agent: false, ca: readFileSync(join(m.home, 'ca.pem')) },
      headers: { connection: 'Upgrade', upgrade: RELAY_PROTOCOL },
      ...host,
    });
    t.equal(answer.status, 400, path);
  }
  thief.report((status) => ({
    ...status,
    allocations: [
      {
        ...{ id: 'x', state: 'ready', reason: null, sinceMs: 1e300, restarts: 0, exitCode: null },
        ...{ lastLogs: [], endpoint: null, containerId: null },
      },
    ],
  }));
  const closed = await thief.until('the end of its session', () => thief.closed);
  t.match(closed, { code: closeCodes.badMessage, reason: /sinceMs/ });
  t.match(await serviceOf(m), { status: 'running' });
  t.equal(own.closed, null);
});

t.test('lines of a log that are none end its session, not who reads them', async (t) => {
  const { m, thief } = await stolen(t);
  const body = aBody({ name: 'its', domain: 'its.example.com', placement: { node: 'worker-1' } });
  thief.obey();
  t.equal((await m.api('POST', '/deploy?wait=20s', { services: [body] })).status, 200);
  const reading = m.api('GET', '/services/its/logs?follow=true&tail=1');
  const opened = await thief.until('the question', () =>
    thief.received.find((message) => message.type === 'logs-open'),
  );
  const id = opened.type === 'logs-open' ? opened.id : '';
  const many = Array.from({ length: 90_000 }, () => ({ atMs: 1, stream: 'stdout' as const, text: 'x' }));
  thief.send({ type: 'logs-lines', id, lines: many });
  thief.send({ type: 'logs-lines', id, lines: [{ atMs: 1e300, stream: 'stdout', text: 'x' }] });
  const closed = await thief.until('the end of its session', () => thief.closed);
  t.match(closed, { code: closeCodes.badMessage, reason: /atMs/ });
  t.match(await serviceOf(m), { status: 'running' });
  await m.api('DELETE', '/services/its?purge=true');
  void reading.catch(() => undefined);
});
