/** What an agent says when its master asks what it runs: from memory, and from the labels of containers alone. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Recalled } from '../../shared/protocol.js';
import { fakeEngine } from '../support/fake-engine.js';
import { waitFor } from '../support/wait-for.js';
import { anAllocation, anAssignment } from '../unit/agent/an.js';
import { agentUnderTest, type MasterEnd, masterEnd, tempFolder } from './agent-harness.js';

t.setTimeout(60_000);

const origin = { says: 'what the master put there' };
const allocation = anAllocation({
  origin,
  container: { port: 8080, command: ['serve'], env: { KEY: 'a=b', EMPTY: '' } },
});

function anEngine() {
  const engine = fakeEngine();
  engine.images.set('app:1', { id: 'sha256:app1', digest: null });
  return engine;
}

async function asked(master: MasterEnd, id: string): Promise<Recalled> {
  master.send({ type: 'recall', id, cluster: 'test' });
  return waitFor('the answer', () =>
    master.heard.find((m): m is Recalled => m.type === 'recalled' && m.id === id),
  );
}

t.test('it hands back its assignment as it was, with what is seen of it', async (t) => {
  const master = await masterEnd(t);
  const engine = anEngine();
  await agentUnderTest(t, { master, engine });
  await master.until('a first status', (status) => status.engine.state === 'up');
  t.match(master.heard[0], { type: 'hello', facts: { recalls: true } });
  t.match(await asked(master, 'r-0'), { assignment: null, containers: [], labelled: [], observed: [] });

  const assignment = anAssignment({
    revision: 4,
    allocations: [allocation],
    node: { labels: { zone: 'a' }, cordoned: true },
    madeAtMs: 17,
  });
  master.send(assignment);
  await master.until('ready', () => master.allocation()?.state === 'ready');
  const before = engine.calls.length;
  const answer = await asked(master, 'r-1');
  t.same(answer.assignment, assignment);
  t.match(answer, {
    problem: null,
    containers: [{ allocation: 'shop.api.1', isAlive: true }],
    labelled: [],
    observed: [{ id: 'shop.api.1', state: 'ready', endpoint: { port: 30_001 } }],
  });
  t.same(
    engine.calls.slice(before).filter((call) => /^(create|start|stop|remove|tag|untag)/.test(call)),
    [],
    'nothing is changed by asking',
  );
  master.send({ type: 'recall', id: 'r-2', cluster: 'another' });
  const other = await waitFor('the answer', () =>
    master.heard.find((m): m is Recalled => m.type === 'recalled' && m.id === 'r-2'),
  );
  t.match(other, { assignment: null, containers: [] }, 'another cluster is nobody’s business');
});

t.test(
  'an agent that has lost its memory knows it from the labels, values of the environment too',
  async (t) => {
    const master = await masterEnd(t);
    const engine = anEngine();
    const home = await tempFolder(t);
    const first = await agentUnderTest(t, { master, engine, home });
    await master.until('a first status', (status) => status.engine.state === 'up');
    master.send(anAssignment({ revision: 4, allocations: [allocation] }));
    await master.until('ready', () => master.allocation()?.state === 'ready');
    await first.agent.stop();
    rmSync(join(home, 'agent', 'assignment.json'));
    rmSync(join(home, 'agent', 'observed.json'));
    const hellos = (): number => master.heard.filter(({ type }) => type === 'hello').length;
    await agentUnderTest(t, { master, engine, home });
    await waitFor('another session', () => hellos() === 2);
    const answer = await asked(master, 'r-1');
    t.same(answer.labelled, [allocation]);
    t.match(answer, {
      assignment: null,
      observed: [{ id: 'shop.api.1', state: 'starting', endpoint: { port: 30_001 } }],
    });
  },
);

t.test('without Docker the answer waits for it', async (t) => {
  const master = await masterEnd(t);
  const engine = anEngine();
  await agentUnderTest(t, { master, engine });
  await master.until('a first status', (status) => status.engine.state === 'up');
  let isDown = true;
  engine.before = (call) => {
    if (isDown && call === 'containers') throw new Error('no socket');
  };
  const answer = asked(master, 'r-1');
  await waitFor('a first try', () => engine.calls.includes('containers'));
  isDown = false;
  t.match(await answer, { problem: null, containers: [] });
});
