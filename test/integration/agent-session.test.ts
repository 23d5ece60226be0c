/** The agent's end of the session against a master of the test's own, over real WebSockets and mutual TLS. */
import t from 'tap';
import { openAuthority } from '../../master/authority.js';
import { closeCodes } from '../../shared/close-codes.js';
import type { LogLine } from '../../shared/protocol.js';
import { fakeEngine } from '../support/fake-engine.js';
import { waitFor } from '../support/wait-for.js';
import { anAllocation, anAssignment } from '../unit/agent/an.js';
import { agentUnderTest, masterEnd, tempFolder } from './agent-harness.js';

t.setTimeout(120_000);

function anEngine() {
  const engine = fakeEngine();
  engine.images.set('app:1', { id: 'sha256:app1', digest: null });
  return engine;
}

t.test(
  'hello first, then its status; an assignment gets its receipt at once, and becomes true',
  async (t) => {
    const master = await masterEnd(t);
    const engine = anEngine();
    await agentUnderTest(t, { master, engine });
    await master.until('a first status', (status) => status.engine.state === 'up');
    t.match(master.heard[0], {
      type: 'hello',
      protocol: 2,
      revision: 0,
      facts: { name: 'one', pid: process.pid },
    });
    t.equal(master.sessions[0]?.commonName, 'n1');
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    engine.before = (call) => (call.startsWith('createNetwork') ? held : undefined);
    master.send(anAssignment({ revision: 4, allocations: [anAllocation()] }));
    const receipt = await waitFor('the receipt', () => master.heard.find((m) => m.type === 'receipt'));
    t.match(receipt, { revision: 4, accepted: true, reason: null });
    await master.until('what it is about', (status) => status.revision === 4);
    t.match(master.allocation(), { state: 'pending', reason: 'making network orca-test-shop' });
    release();
    await master.until('ready', () => master.allocation()?.state === 'ready');
  },
);

t.test('what its ingress has counted is said when it changes, and anew on each session', async (t) => {
  const master = await masterEnd(t);
  const { ingress } = await agentUnderTest(t, { master, engine: anEngine() });
  const figures = () => master.heard.filter((m) => m.type === 'figures');
  await master.until('a session', () => true);
  master.send(anAssignment({ revision: 1, ingress: { domain: 'a.test' } }));
  await waitFor('first figures', () => figures().length > 0);
  ingress.figures = { epoch: 'e-2', figures: [] };
  await waitFor('changed figures', () => figures().at(-1)?.epoch === 'e-2');
  const before = figures().length;
  master.cut();
  await waitFor('the same ones on another session', () => figures().length > before);
  t.match(figures().at(-1), { epoch: 'e-2' });
});

t.test('an agent that is stopped while it reads its certificate opens no session', async (t) => {
  const master = await masterEnd(t);
  const { agent } = await agentUnderTest(t, { master, engine: anEngine() });
  await agent.stop();
  t.same(master.sessions, []);
});

t.test('an older revision is refused; the same one again is taken', async (t) => {
  const master = await masterEnd(t);
  await agentUnderTest(t, { master, engine: anEngine() });
  await master.until('a session', () => true);
  const receipts = () => master.heard.filter((m) => m.type === 'receipt');
  for (const revision of [5, 4, 5]) master.send(anAssignment({ revision }));
  await waitFor('three receipts', () => receipts().length === 3);
  t.match(receipts(), [
    { revision: 5, accepted: true },
    { revision: 4, accepted: false, reason: 'revision 4 is older than 5, which this agent has' },
    { revision: 5, accepted: true },
  ]);
});

t.test('an ingress that does not fit refuses the whole assignment', async (t) => {
  const master = await masterEnd(t);
  const { ingress } = await agentUnderTest(t, { master, engine: anEngine() });
  await master.until('a session', () => true);
  master.send(anAssignment({ revision: 1, ingress: { domain: 3 }, allocations: [anAllocation()] }));
  const receipt = await waitFor('the receipt', () => master.heard.find((m) => m.type === 'receipt'));
  t.match(receipt, { accepted: false, reason: 'ingress.domain: not a string' });
  const allocation = anAllocation({ container: { port: 8080 } });
  master.send(anAssignment({ revision: 2, ingress: { domain: 'a.com' }, allocations: [allocation] }));
  await master.until('ready', () => master.allocation()?.state === 'ready');
  t.same(ingress.applied, [{ ingress: { domain: 'a.com' }, revision: 2 }]);
  t.match(ingress.local.get('shop.api.1'), { address: '127.0.0.1', port: Number });
});

t.test('a session that breaks is made again, with hello and the whole status', async (t) => {
  const master = await masterEnd(t);
  await agentUnderTest(t, { master, engine: anEngine() });
  await master.until('a session', () => true);
  master.send(anAssignment({ revision: 3, allocations: [anAllocation()] }));
  await master.until('ready', () => master.allocation()?.state === 'ready');
  const heardBefore = master.heard.length;
  master.cut();
  await waitFor('a second session', () => master.sessions.length === 2);
  await waitFor('a status on it', () => master.heard.slice(heardBefore).some((m) => m.type === 'status'));
  t.match(master.heard.slice(heardBefore), [
    { type: 'hello', revision: 3 },
    { type: 'status', revision: 3, allocations: [{ state: 'ready' }] },
  ]);
});

t.test(
  'nothing is said before something was measured, and nothing waits for a session but the newest',
  async (t) => {
    const master = await masterEnd(t);
    const { ingress } = await agentUnderTest(t, { master, engine: anEngine() });
    ingress.figures = null;
    await master.until('a session', () => true);
    master.send(anAssignment({ revision: 1, ingress: { domain: 'a.com' } }));
    await master.until('an ingress', (status) => status.revision === 1);
    const said = () => master.heard.flatMap((m) => (m.type === 'figures' ? [m] : []));
    const counted = (requests: number) => {
      const one = {
        service: 'shop/api',
        release: 1,
        requests,
        classes: [0, requests, 0, 0, 0],
        latency: [1],
      };
      ingress.figures = { epoch: 'e-1', figures: [one] };
    };
    t.same(said(), [], 'nothing was ever measured');
    counted(3);
    await waitFor('the figures', () => said().length === 1);
    master.cut();
    counted(4);
    counted(5);
    await waitFor('a second session', () => master.sessions.length === 2);
    await waitFor('them on it', () => said().length === 2);
    master.cut();
    await waitFor('them on a third, unchanged', () => said().length === 3);
    t.match(
      said(),
      [3, 5, 5].map((requests) => ({ epoch: 'e-1', figures: [{ requests }] })),
    );
  },
);

t.test('a status without a receipt is sent again', async (t) => {
  const master = await masterEnd(t);
  master.sends.receipts = false;
  await agentUnderTest(t, { master, engine: anEngine() });
  const statuses = () => master.heard.filter((m) => m.type === 'status');
  await waitFor('it to be sent again', () => statuses().length >= 3);
  const numbers = statuses().map((m) => (m.type === 'status' ? m.number : 0));
  t.same(
    numbers,
    [...numbers].sort((a, b) => a - b),
  );
});

t.test('a master that falls silent on the channel is left for a new session', async (t) => {
  const master = await masterEnd(t);
  await agentUnderTest(t, { master, engine: anEngine() });
  await master.until('a session', () => true);
  master.sends = { receipts: false, pings: false };
  await waitFor('a second session', () => master.sessions.length >= 2);
  t.pass();
});

t.test('what is no message of the protocol closes the session with its code', async (t) => {
  const master = await masterEnd(t);
  await agentUnderTest(t, { master, engine: anEngine() });
  await master.until('a session', () => true);
  master.send('{"type":"dance"}');
  await waitFor('the close', () => master.sessions[0]?.code === closeCodes.badMessage);
  await waitFor('the next session', () => master.sessions.length === 2);
  t.pass();
});

t.test('a certificate of another cluster is shown for what it is: not authorized', async (t) => {
  const master = await masterEnd(t);
  const authority = openAuthority(await tempFolder(t), Date.now());
  await agentUnderTest(t, { master, engine: anEngine(), authority });
  await waitFor('a session', () => master.sessions.length > 0);
  t.equal(master.sessions[0]?.commonName, '', 'the master can tell');
});

t.test('without a master the remembered assignment is kept true', async (t) => {
  const master = await masterEnd(t);
  const engine = anEngine();
  const first = await agentUnderTest(t, { master, engine });
  await master.until('a session', () => true);
  master.send(anAssignment({ revision: 9, allocations: [anAllocation()] }));
  await master.until('ready', () => master.allocation()?.state === 'ready');
  await first.agent.stop();
  const [container] = [...engine.held.values()];
  Object.assign(container ?? {}, { startedAtMs: 0 });
  engine.die(container?.id ?? '', 1);
  const lonely = { ...master, url: 'wss://127.0.0.1:1/agent' };
  const second = await agentUnderTest(t, { master: lonely, engine, home: first.home });
  await waitFor('a replacement', () => {
    const seen = second.agent.status();
    return (
      seen?.revision === 9 && seen.allocations[0]?.state === 'ready' && seen.allocations[0].restarts === 1
    );
  });
  t.pass();
});

t.test('logs are streamed until they end or are closed', async (t) => {
  const master = await masterEnd(t);
  const engine = anEngine();
  await agentUnderTest(t, { master, engine });
  await master.until('a session', () => true);
  master.send(anAssignment({ allocations: [anAllocation()] }));
  await master.until('ready', () => master.allocation()?.state === 'ready');
  const container = [...engine.held.values()][0];
  for (let i = 1; i <= 1_200; i += 1) container?.log.push(`line ${i}`);
  const open = {
    type: 'logs-open' as const,
    allocation: 'shop.api.1',
    tail: null,
    sinceMs: null,
    follow: false,
  };
  master.send({ ...open, id: 'l1' });
  await waitFor('their end', () => master.heard.some((m) => m.type === 'logs-end'));
  const lines = master.heard.flatMap((m) => (m.type === 'logs-lines' ? m.lines : []));
  t.same([lines.length, lines[0]?.text, lines.at(-1)?.text], [1_200, 'line 1', 'line 1200']);
  t.match(
    master.heard.find((m) => m.type === 'logs-end'),
    { id: 'l1', reason: null },
  );
  master.send({ ...open, id: 'l2', allocation: 'shop.none.1' });
  const refused = await waitFor('the refusal', () =>
    master.heard.find((m) => m.type === 'logs-end' && m.id === 'l2'),
  );
  t.match(refused, { reason: 'shop.none.1 has no container on this node' });
  let aborted = false;
  engine.logs = async function* (_id, _options, signal): AsyncGenerator<LogLine> {
    yield { atMs: 1, stream: 'stdout', text: 'followed' };
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    aborted = true;
  };
  master.send({ ...open, id: 'l3', follow: true });
  await waitFor('a line at once', () => master.heard.some((m) => m.type === 'logs-lines' && m.id === 'l3'));
  master.send({ type: 'logs-close', id: 'l3' });
  await waitFor('the reading to end', () => aborted);
  t.notOk(master.heard.some((m) => m.type === 'logs-end' && m.id === 'l3'));
});
