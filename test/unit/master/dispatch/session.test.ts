import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { createSession, type Session } from '../../../../master/dispatch/session.js';
import { closeCodes } from '../../../../shared/close-codes.js';
import type { AgentMessage, Assignment } from '../../../../shared/protocol.js';
import { waitFor } from '../../../support/wait-for.js';

const anAssignment = (revision: number, padding = ''): Assignment => ({
  type: 'assignment',
  cluster: `c${padding}`,
  revision,
  allocations: [],
  images: [],
  keep: [],
  ingress: null,
});

/** A session on a real socket, and the agent's end of it. */
async function aSession(t: Test, timing = { heartbeatMs: 60_000, livenessMs: 120_000 }) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const agent = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  agent.on('error', () => {});
  const opened = once(agent, 'open');
  t.teardown(() => {
    agent.terminate();
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const messages: AgentMessage[] = [];
  const ends: string[] = [];
  const session: Session = createSession(
    socket,
    'n-1',
    { onMessage: (message) => messages.push(message), onEnd: (reason) => ends.push(reason) },
    timing,
  );
  const received: { type: string; revision?: number }[] = [];
  agent.on('message', (data) => received.push(JSON.parse(data.toString())));
  const closed: { code: number } = { code: 0 };
  agent.on('close', (code) => {
    closed.code = code;
  });
  await opened;
  return { session, agent, messages, ends, received, closed };
}

t.test('an agent that is silent for too long is closed with the code for it', async (t) => {
  const { agent, closed, ends, received } = await aSession(t, { heartbeatMs: 5, livenessMs: 20 });
  await waitFor('the close', () => closed.code === closeCodes.silent);
  t.ok(
    received.some((message) => message.type === 'ping'),
    'it had been asked',
  );
  await waitFor('the end', () => ends.length === 1);
  t.equal(agent.readyState, WebSocket.CLOSED);
});

t.test('silence is judged when its time is over, not at the next ping', async (t) => {
  const begunMs = Date.now();
  const { agent, ends } = await aSession(t, { heartbeatMs: 60_000, livenessMs: 200 });
  agent.pause();
  await waitFor('the end, without an answer to the close', () => ends.length === 1, { timeoutMs: 5_000 });
  t.ok(Date.now() - begunMs >= 200);
  t.same(ends, ['nothing was heard for too long'], 'said as what it was, though no close was answered');
});

t.test('an agent that is gone without a word is said to be that', async (t) => {
  const { agent, ends } = await aSession(t);
  agent.terminate();
  await waitFor('the end', () => ends.length === 1);
  t.same(ends, ['the connection broke off']);
});

t.test('whoever answers pings stays, and pings are answered', async (t) => {
  const { agent, received, closed } = await aSession(t, { heartbeatMs: 5, livenessMs: 2_000 });
  agent.on('message', (data) => {
    const message = JSON.parse(data.toString());
    if (message.type === 'ping') agent.send(JSON.stringify({ type: 'pong', number: message.number }));
  });
  agent.send('{"type":"ping","number":9}');
  await waitFor('a pong', () => received.find((message) => message.type === 'pong'));
  await waitFor('many pings', () => received.filter((message) => message.type === 'ping').length > 20);
  t.equal(closed.code, 0);
});

t.test('while an assignment leaves only the newest waits behind it', async (t) => {
  const { session, received } = await aSession(t);
  for (let revision = 1; revision <= 50; revision++)
    session.assign(anAssignment(revision, 'x'.repeat(100_000)));
  await waitFor('the newest', () => received.some((message) => message.revision === 50));
  t.same(
    received.map((message) => message.revision),
    [1, 50],
  );
});

t.test('an agent that does not read is cut off before it fills the memory', async (t) => {
  const { session, agent, ends } = await aSession(t);
  agent.pause();
  for (let n = 0; n < 80; n++) session.send(anAssignment(n, 'x'.repeat(1_000_000)));
  await waitFor('the end', () => ends.length === 1);
});

t.test('binary frames and nonsense end it', async (t) => {
  for (const frame of [Buffer.from([1]), 'nonsense', '{"type":"receipt"}']) {
    const { agent, closed, messages } = await aSession(t);
    agent.send(frame);
    await waitFor('the close', () => closed.code === closeCodes.badMessage);
    t.same(messages, []);
  }
});

t.test('what was sent behind a fault is not looked at', async (t) => {
  const { agent, closed, messages } = await aSession(t);
  agent.send('nonsense');
  agent.send('{"type":"receipt","revision":1,"accepted":true,"reason":null}');
  await waitFor('the close', () => closed.code === closeCodes.badMessage);
  t.same(messages, []);
});

t.test('a reason with wide letters has room in the close', async (t) => {
  const { session, agent, closed } = await aSession(t);
  let reason = '';
  agent.on('close', (_code, said) => {
    reason = said.toString();
  });
  session.close(closeCodes.badMessage, 'é'.repeat(200));
  await waitFor('the close', () => closed.code === closeCodes.badMessage);
  t.equal(reason, 'é'.repeat(61));
});

t.test('what is no frame gets the code of WebSocket for it', async (t) => {
  const { agent, closed } = await aSession(t);
  agent.send(Buffer.from([0xff]), { binary: false });
  await waitFor('the close', () => closed.code === 1007);
});
