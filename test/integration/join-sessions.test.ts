/** Sessions of nodes that joined: who is turned away at the door, with which code, and what `orca nodes` says of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import { openAuthority } from '../../master/authority.js';
import type { NodeStatus } from '../../shared/api.js';
import { closeCodes } from '../../shared/close-codes.js';
import { writeIdentity } from '../../shared/identity-files.js';
import { joined, tokenOf } from '../support/a-host.js';
import { agentOfHome } from '../support/agent-of-home.js';
import { aHello, type FakeAgent } from '../support/fake-agent.js';
import { agentOf, statusOf } from '../support/master-words.js';
import { testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';
import { orca } from '../unit/cli/fake-io.js';

const DAY_MS = 86_400_000;
const closing = async (agent: FakeAgent) => await agent.until('the close', () => agent.closed);

t.test(
  'an id that was never issued, and a certificate that has expired, are each told what they are',
  async (t) => {
    const m = await testMaster();
    t.teardown(() => m.stop());
    const authority = openAuthority(m.home, Date.now());
    const as = async (id: string, ageDays: number): Promise<FakeAgent> => {
      const { keyPem: key, certPem: cert } = authority.issueNode(id, Date.now() - ageDays * DAY_MS);
      return await agentOf(m, { credentials: { key, cert } });
    };
    const never = await closing(await as('n-never', 0));
    t.match(never, { code: closeCodes.unknownNode, reason: /n-never .*orca join/ });
    const { reply } = await joined(m);
    const old = await closing(await as(reply.node_id, 100));
    t.match(old, { code: closeCodes.certificateExpired, reason: /expired.*orca join/ });
    t.equal((await statusOf(m)).nodes.length, 1, 'neither has become a node');

    const { keyPem: key, certPem: cert } = authority.issueServer([reply.node_id], Date.now());
    const site = await closing(await agentOf(m, { credentials: { key, cert } }));
    t.equal(site.code, closeCodes.notAuthorized, 'a certificate of a site is no node');
  },
);

t.test('nonsense from one that was refused does no harm', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const socket = connect({ host: '127.0.0.1', port: m.port, ca: readFileSync(join(m.home, 'ca.pem')) });
  const key = 'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==';
  socket.on('error', () => undefined).resume();
  socket.write(
    `GET /agent HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${key}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(64, 0xff));
  await waitFor('the end', () => socket.closed || socket.readableEnded);
  socket.destroy();
  t.equal((await m.api('GET', '/health')).status, 200);
});

t.test('two hosts with one identity: the fight ends, and is shown with its node', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const one = await joined(m);
  const comes = async (localAddress: string): Promise<FakeAgent> => {
    const pid = localAddress === '127.0.0.1' ? 11 : 22;
    const agent = await agentOf(m, {
      credentials: one,
      localAddress,
      hello: { facts: { ...aHello().facts, name: 'worker-1', pid } },
    });
    await agent.until('an answer', () => agent.assignment() ?? agent.closed);
    return agent;
  };
  const [a, b] = ['127.0.0.1', '127.0.0.2'];
  const fought: FakeAgent[] = [];
  for (const address of [a, b, a, b]) fought.push(await comes(address));
  t.equal((await closing(fought[2] as FakeAgent)).code, closeCodes.replaced);
  const last = fought[3] as FakeAgent;
  last.report();
  const refused = await closing(await comes(a));
  t.match(refused, { code: closeCodes.cloned, reason: /another agent has the identity/ });
  t.equal(last.closed, null, 'the one that lives goes on');
  const node = async (): Promise<NodeStatus | undefined> => (await statusOf(m)).nodes[0];
  t.match(await node(), { state: 'degraded', reason: /127\.0\.0\.2 .* 127\.0\.0\.1 .*orca join/ });
  t.match(
    (await orca(['nodes'], { home: m.home })).out,
    /worker-1 +degraded .*two agents have this node's identity/,
  );
  await closing(await comes(a));
  const events = ((await m.api('GET', '/events')).json as { events: { kind: string }[] }).events;
  t.equal(events.filter(({ kind }) => kind === 'node.cloned').length, 1);
  await last.close();
  const alone = await comes(a);
  await alone.until('an assignment, since the other has gone', () => alone.assignment());
  await alone.close();
});

t.test('a real agent that is refused waits long, and is let in as soon as it has joined again', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const authority = openAuthority(m.home, Date.now());
  const home = join(t.testdir(), 'node');
  const line = async () => [
    'join',
    `https://127.0.0.1:${m.port}`,
    '--name',
    'w',
    '--token',
    await tokenOf(m),
  ];
  t.equal((await orca(await line(), { home })).exit, 0);
  const { nodeId } = JSON.parse(readFileSync(join(home, 'agent/agent.json'), 'utf8'));
  const old = authority.issueNode(nodeId, Date.now() - 100 * DAY_MS);
  writeIdentity(join(home, 'agent'), { ca: authority.caPem, cert: old.certPem, key: old.keyPem });
  const agent = await agentOfHome(t, home);
  const refusals = () => agent.logged.filter(({ code }) => code === closeCodes.certificateExpired);
  await waitFor('the refusal', () => refusals().length > 0);
  t.ok(Number(refusals()[0]?.retryMs) > 2_000, 'the test tries again after 10 ms otherwise');
  t.equal((await orca(await line(), { home })).exit, 0);
  t.equal(JSON.parse(readFileSync(join(home, 'agent/agent.json'), 'utf8')).nodeId, nodeId, 'it kept its id');
  await waitFor('the session', async () => (await statusOf(m)).nodes[0]?.state === 'ready');
});
