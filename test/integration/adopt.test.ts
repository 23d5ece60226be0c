/** A whole master whose store was lost, between agents that remember: who is let in, what is shown, and what adopting writes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { AdoptReply } from '../../shared/api-adopt.js';
import type { Assignment } from '../../shared/protocol.js';
import { joined } from '../support/a-host.js';
import { aHello, type FakeAgent } from '../support/fake-agent.js';
import { aBody, agentOf, serviceOf, statusOf } from '../support/master-words.js';
import { type TestMaster, testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';
import { orca } from '../unit/cli/fake-io.js';

interface Pair {
  m: TestMaster;
  /** Comes as the local node, or as the one that has joined, remembering that assignment. */
  come(which: 'local' | 'worker', remembered?: Assignment): Promise<FakeAgent>;
  local: Assignment;
  worker: Assignment;
}

const facts = (name: string) => ({ ...aHello().facts, name, recalls: true });

/** Two nodes with four copies of one service, both ingresses or the first alone; then the store is lost. */
async function lost(t: Test, areBothIngresses = false): Promise<Pair> {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const host = await joined(m);
  const issuedAtSecond = Math.floor(Date.now() / 1_000);
  const come = async (which: 'local' | 'worker', remembered?: Assignment): Promise<FakeAgent> => {
    const credentials = which === 'local' ? {} : { credentials: host };
    const name = which === 'local' ? 'fake' : 'worker-1';
    const agent = await agentOf(m, {
      ...credentials,
      hello: { facts: facts(name), revision: remembered?.revision ?? 0 },
    });
    if (remembered) agent.remember(remembered);
    t.teardown(() => agent.close());
    return agent;
  };
  const agents = [await come('local'), await come('worker')] as const;
  for (const agent of agents) agent.obey();
  if (areBothIngresses) await m.api('POST', '/cluster/nodes/worker-1/role', { role: 'ingress' });
  const deployed = await m.api('POST', '/deploy?wait=20s', { services: [aBody({ replicas: 4 })] });
  if (deployed.status !== 200) throw new Error(deployed.body);
  const settled = (agent: FakeAgent): Promise<Assignment> =>
    agent.until('all to be routed', () => {
      const newest = agent.assignment();
      const here = newest?.allocations ?? [];
      const isDone = here.every(({ onExit, origin }) => onExit === 'replace' && origin?.rollout === null);
      return here.length === 2 && isDone && newest;
    });
  const [local, worker] = [await settled(agents[0]), await settled(agents[1])];
  for (const agent of agents) await agent.close();
  await m.master.stop();
  rmSync(join(m.home, 'cluster.db'), { recursive: true });
  // Certificates have dates of seconds: what was issued in the second of a store's birth counts as its own.
  await waitFor('another second', () => Math.floor(Date.now() / 1_000) > issuedAtSecond + 1);
  await m.restart();
  return { m, come, local, worker };
}

const held = (m: TestMaster, count: number) =>
  waitFor(`${count} held nodes`, async () => {
    const { nodes } = await statusOf(m);
    return nodes.filter(({ reason }) => /held/.test(reason ?? '')).length === count;
  });
const shown = async (m: TestMaster): Promise<AdoptReply> => (await m.api('GET', '/adopt')).json as AdoptReply;
/** But for what changes with every assignment, and the marks of states of this store. */
const content = ({ revision: _, madeAtMs: __, keep: ___, ...rest }: Assignment) =>
  JSON.parse(
    JSON.stringify({ ...rest, allocations: rest.allocations.map(({ origin: ____, ...a }) => a) }),
    (key, value) => (key === 'mark' ? undefined : value),
  );

t.test('both nodes come back by themselves, are held, and are given exactly what they run', async (t) => {
  const { m, come, local, worker } = await lost(t, true);
  t.not(worker.ingress, null, 'which serves on, with the role that nobody but its agent remembers');
  const one = await come('local', local);
  const two = await come('worker', worker);
  for (const agent of [one, two]) agent.obey();
  await held(m, 2);
  t.match(await statusOf(m), { services: [] });
  t.match(await shown(m), {
    adopted: false,
    nodes: [{ copies: 2, source: 'memory' }, { copies: 2 }],
    services: [
      { service: 'api', project: 'default', release: 'v1', replicas: 4, domains: ['api.example.com'] },
    ],
    missing: [],
    conflicts: [],
  });
  t.equal(one.assignment(), null, 'nothing was sent so far');

  const done = await m.api('POST', '/adopt', {});
  t.match(done, { status: 200, json: { adopted: true } });
  for (const [agent, remembered] of [
    [one, local],
    [two, worker],
  ] as const) {
    const first = await agent.until('an assignment', () =>
      agent.received.find((x) => x.type === 'assignment'),
    );
    t.ok(first.revision > remembered.revision);
    t.same(content(first), content(remembered), 'the first assignment is what runs, certificates and all');
  }
  await waitFor('it to run', async () => (await serviceOf(m))?.status === 'running');
  t.equal(one.assignment()?.allocations.length, 2);
  const next = await m.api('POST', '/deploy?wait=20s', {
    services: [aBody({ replicas: 4, image: 'app:2' })],
  });
  t.equal(next.status, 200, next.body);
  t.equal((await serviceOf(m))?.release, 'v2');
});

t.test('a node that is away is waited for, or taken over later', async (t) => {
  const { m, come, local, worker } = await lost(t);
  const one = await come('local', local);
  one.obey();
  await held(m, 1);
  t.match((await shown(m)).missing, [/default\/api: 2 of 4 copies are on nodes that are not here/]);
  const refused = await orca(['adopt', '--apply'], { home: m.home });
  t.match(refused, { exit: 1, err: /not everything is here.*hint: .*--partial/s });
  t.equal(one.assignment(), null);
  t.match(await statusOf(m), { services: [] }, 'nothing was changed');

  t.equal((await orca(['adopt', '--apply', '--partial'], { home: m.home })).exit, 0);
  await waitFor('what is missing to be made anew', async () => (await serviceOf(m))?.running_replicas === 4);
  const two = await come('worker', worker);
  two.obey();
  await held(m, 1);
  const { missing, conflicts } = await shown(m);
  t.same({ missing, conflicts }, { missing: [], conflicts: [] });
  t.equal((await orca(['adopt', 'worker-1', '--apply'], { home: m.home })).exit, 0);
  await waitFor('four of them', async () => {
    const service = await serviceOf(m);
    return service?.running_replicas === 4 && service.allocations.length === 4;
  });
});

t.test('what is claimed twice is shown and refused', async (t) => {
  const { m, come, local } = await lost(t);
  await (await come('local', local)).until('a session', () => true);
  const two = await come('worker', local);
  await held(m, 2);
  t.match((await shown(m)).conflicts, [/runs on .* and on/, /runs on .* and on/]);
  const { exit, out, err } = await orca(['adopt'], { home: m.home });
  t.equal(exit, 1);
  t.match(`${out}${err}`, /conflict: default\.api\.\d runs on/);
  t.match(await m.api('POST', '/adopt', {}), { status: 409, json: { code: 'CONFLICT' } });
  t.equal(two.assignment(), null);
});

t.test('only an admin may adopt', async (t) => {
  const m = await testMaster({ toml: '[[token]]\nname = "hands"\nvalue = "push-it"\nrole = "deployer"\n' });
  t.teardown(() => m.stop());
  const hands = { authorization: 'Bearer push-it' };
  for (const [method, body] of [
    ['GET', undefined],
    ['POST', {}],
  ] as const)
    t.match(await m.api(method, '/adopt', body, hands), { status: 403, json: { code: 'NOT_ALLOWED' } });
  const { out, exit } = await orca(['adopt'], { home: m.home });
  t.match({ out, exit }, { exit: 0, out: /nothing to adopt/ });
  t.match(await m.api('POST', '/adopt', { nodes: ['nobody'] }), { status: 404, json: { code: 'NOT_FOUND' } });
});
