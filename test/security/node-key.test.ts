/** Somebody has the key of one node: what they can make the master believe, and for how long. */
import { hostname } from 'node:os';
import t, { type Test } from 'tap';
import { closeCodes } from '../../shared/close-codes.js';
import { askAsHost, csrOf, joined } from '../support/a-host.js';
import { aHello } from '../support/fake-agent.js';
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
