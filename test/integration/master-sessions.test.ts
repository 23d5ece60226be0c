/** Agent sessions of a whole master: who is let in, what is believed, and what survives a restart. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { closeCodes } from '../../shared/close-codes.js';
import { enrolNodes } from '../support/enrolled-nodes.js';
import { aHello } from '../support/fake-agent.js';
import { request } from '../support/https-request.js';
import { aBody, agentOf, nodeOf, serviceOf, statusOf } from '../support/master-words.js';
import { testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';

t.test(
  'who has no certificate, another version, or nonsense to say is sent away with the right code',
  async (t) => {
    const m = await testMaster();
    t.teardown(() => m.stop());
    const closing = async (agent: Awaited<ReturnType<typeof agentOf>>): Promise<number> =>
      (await agent.until('the close', () => agent.closed)).code;

    t.equal(await closing(await agentOf(m, { certificate: false, hello: null })), closeCodes.notAuthorized);
    t.equal(await closing(await agentOf(m, { hello: { protocol: 99 } })), closeCodes.versionMismatch);
    const garbled = await agentOf(m);
    garbled.sendText('{"type":"no-such-thing"}');
    t.equal(await closing(garbled), closeCodes.badMessage);
    const early = await agentOf(m, { hello: null });
    early.send({ type: 'receipt', revision: 1, accepted: true, reason: null });
    t.equal(await closing(early), closeCodes.badMessage, 'the first message must be hello');

    const twice = await agentOf(m);
    twice.send(aHello());
    t.equal(await closing(twice), closeCodes.badMessage, 'and is said once');

    const older = await agentOf(m);
    await older.until('an assignment', () => older.assignment());
    const newer = await agentOf(m);
    t.equal(await closing(older), closeCodes.replaced);
    await newer.until('an assignment', () => newer.assignment());
    newer.report();
    await waitFor('the node to be there', async () => (await nodeOf(m))?.state === 'ready');
    await newer.close();
    const other = await request({
      host: '127.0.0.1',
      port: m.port,
      path: '/somewhere',
      ca: readFileSync(join(m.home, 'ca.pem')),
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
    });
    t.equal(other.status, 404);
  },
);

t.test('a status is acknowledged once it is stored; an older number changes nothing', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const agent = await agentOf(m);
  await agent.until('an assignment', () => agent.assignment());
  agent.report((status) => ({ ...status, number: 7 }));
  await agent.until('the receipt of 7', () =>
    agent.received.some((x) => x.type === 'status-receipt' && x.number === 7),
  );
  t.match(await nodeOf(m), { state: 'ready', engine: '20.10.24' });
  agent.report((status) => ({
    ...status,
    number: 3,
    engine: { ...status.engine, state: 'down', reason: 'old news' },
  }));
  await agent.until(
    'a second receipt',
    () => agent.received.filter((x) => x.type === 'status-receipt').length === 2,
  );
  t.same(
    agent.received.filter((x) => x.type === 'status-receipt'),
    [
      { type: 'status-receipt', number: 7 },
      { type: 'status-receipt', number: 7 },
    ],
  );
  t.equal((await nodeOf(m))?.state, 'ready');
  agent.report((status) => ({
    ...status,
    number: 8,
    engine: { ...status.engine, state: 'down', reason: 'no socket' },
  }));
  await waitFor('the news', async () => /no socket/.test((await nodeOf(m))?.reason ?? ''));
  await agent.close();
});

t.test(
  'without its node an allocation is unknown, and says so; a restarted master goes on from the revision',
  async (t) => {
    const m = await testMaster();
    t.teardown(() => m.stop());
    const agent = await agentOf(m);
    agent.obey();
    await m.api('POST', '/deploy?wait=20s', { services: [aBody()] });
    const revision = agent.assignment()?.revision ?? 0;
    await agent.close();
    await waitFor('the loss to be seen', async () => (await serviceOf(m))?.status === 'degraded');
    const lost = await serviceOf(m);
    t.match(lost?.allocations[0], { state: 'unknown', reason: /last seen ready/ });
    t.equal(lost?.running_replicas, 0);

    await m.restart();
    t.equal(
      (await serviceOf(m))?.allocations[0]?.state,
      'unknown',
      'nothing is known before the agent has reported',
    );
    const back = await agentOf(m, { hello: { revision } });
    const assigned = await back.until('an assignment', () => back.assignment());
    t.ok(assigned.revision >= revision);
    t.equal(assigned.allocations.length, 1);
    back.obey();
    await waitFor('it to run', async () => (await serviceOf(m))?.status === 'running');
    await back.close();
  },
);

t.test('a master that lost its store does not empty a node that remembers', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const agent = await agentOf(m);
  agent.obey();
  await m.api('POST', '/deploy?wait=20s', { services: [aBody()] });
  const revision = agent.assignment()?.revision ?? 0;
  await agent.close();
  await m.master.stop();
  rmSync(join(m.home, 'cluster.db'), { recursive: true });
  await m.restart();

  const back = await agentOf(m, { hello: { revision } });
  back.report();
  const node = await waitFor('the node to be held', async () =>
    (await statusOf(m)).nodes.find((n) => n.state === 'degraded' && /uncordon/.test(n.reason ?? '')),
  );
  t.equal(back.assignment(), null, 'it got no assignment');
  t.match((await m.api('GET', '/events')).body, /node.held/);

  back.obey();
  t.equal((await m.api('POST', `/cluster/nodes/${node.name}/uncordon`)).status, 200);
  const assigned = await back.until('an assignment', () => back.assignment());
  t.ok(assigned.revision > revision);
  await back.close();
});

t.test('what an agent counts is shown as long as its session lives', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const agent = await agentOf(m);
  agent.obey();
  await m.api('POST', '/deploy?wait=20s', { services: [aBody()] });
  const counted = (requests: number) => ({
    service: 'default/api',
    release: 1,
    requests,
    classes: [0, requests, 0, 0, 0],
    latency: [requests],
  });
  const seen = async () => (await serviceOf(m))?.groups.stable?.traffic ?? null;
  t.equal(await seen(), null);
  agent.send({ type: 'figures', epoch: 'e1', figures: [counted(3)] });
  agent.send({ type: 'figures', epoch: 'e1', figures: [counted(5)] });
  await waitFor('the newest figures', async () => (await seen())?.requests === 5);
  t.match(await seen(), { error_rate: 0, p95_ms: 0.5, status: { '2xx': 5, '5xx': 0 } });
  await agent.close();
  await waitFor('them to be forgotten', async () => (await seen()) === null);
});

t.test('what is in flight is what all ingresses have of it together', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  await m.master.stop();
  const [other] = await enrolNodes(m.home, join(m.home, 'nodes'), 1);
  await m.restart();
  const first = await agentOf(m);
  first.obey();
  const second = await agentOf(m, { ...(other ? { credentials: other } : {}) });
  second.obey();
  await waitFor('two nodes', async () =>
    (await statusOf(m)).nodes.every(({ state }) => state === 'ready') ? (await statusOf(m)).nodes[1] : null,
  );
  for (const { name } of (await statusOf(m)).nodes)
    await m.api('POST', `/cluster/nodes/${name}/role`, { role: 'ingress' });
  await m.api('POST', '/deploy?wait=20s', { services: [aBody()] });
  for (const [agent, inFlight] of [[first, 3] as const, [second, 4] as const])
    agent.obey(({ ingress, ...status }) => ({
      ...status,
      ingress: ingress && { ...ingress, traffic: ingress.traffic.map((one) => ({ ...one, inFlight })) },
    }));
  await waitFor('both to be counted', async () => (await serviceOf(m))?.allocations[0]?.in_flight === 7);
  await first.close();
  await second.close();
});
