/** `orca join` against a whole master, and a real agent that runs from the home that it makes. */
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { NodeStatus } from '../../shared/api.js';
import { makeKey } from '../../shared/csr.js';
import { askAsHost, joinBody, tokenOf } from '../support/a-host.js';
import { agentOfHome } from '../support/agent-of-home.js';
import { testDocker } from '../support/docker.js';
import { statusOf } from '../support/master-words.js';
import { type TestMaster, testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';
import { startFakeApi } from '../unit/cli/fake-api.js';
import { orca } from '../unit/cli/fake-io.js';

async function master(t: Test): Promise<TestMaster> {
  const m = await testMaster();
  t.teardown(() => m.stop());
  return m;
}

const urlOf = (m: TestMaster): string => `https://127.0.0.1:${m.port}`;
const nodeNamed = async (m: TestMaster, name: string): Promise<NodeStatus | undefined> =>
  (await statusOf(m)).nodes.find((node) => node.name === name);
const settingsOf = (home: string) => JSON.parse(readFileSync(join(home, 'agent', 'agent.json'), 'utf8'));

t.test('a host joins, its agent is let in, and joining again keeps what it is', async (t) => {
  const m = await master(t);
  const home = join(t.testdir(), 'node');
  const token = await tokenOf(m, { labels: { zone: 'eu-1' } });
  const line = ['join', urlOf(m), '--token', token, '--home', home];
  const first = await orca([...line, '--name', 'worker-1', '--docker', testDocker().replace('unix://', '')], {
    home,
  });
  t.match(first, { exit: 0, out: /^worker-1 \(n-.*cluster orca/, err: /orca agent --home/ });
  const settings = settingsOf(home);
  t.match(settings, {
    name: 'worker-1',
    masterUrl: `wss://127.0.0.1:${m.port}/agent`,
    docker: testDocker(),
    advertise: '127.0.0.1',
  });
  const mode = (file: string): number => statSync(join(home, 'agent', file)).mode & 0o777;
  t.same(['node.key', 'node.crt', 'ca.pem', 'agent.json'].map(mode), [0o600, 0o644, 0o644, 0o600]);
  t.equal(readFileSync(join(home, 'agent/ca.pem'), 'utf8'), readFileSync(join(m.home, 'ca.pem'), 'utf8'));
  t.notOk(existsSync(join(home, 'agent/join.key')));
  t.match(await nodeNamed(m, 'worker-1'), { state: 'degraded', node_id: settings.nodeId });

  await agentOfHome(t, home);
  await waitFor('the node', async () => (await nodeNamed(m, 'worker-1'))?.state === 'ready');
  t.match(await nodeNamed(m, 'worker-1'), { labels: { zone: 'eu-1' }, address: '127.0.0.1' });

  const again = await orca([...line, '--json'], { home });
  t.match(JSON.parse(again.out), { node_id: settings.nodeId, rejoined: true }, 'though the token is used up');
  t.same(settingsOf(home), settings, 'what it was not told stays');
  t.match(await orca([...line, '--advertise', '192.0.2.1'], { home }), {
    exit: 2,
    err: /--advertise must be an address of this host; it is "192.0.2.1"\n.*127\.0\.0\.1/,
  });
  const moved = await orca([...line, '--advertise', '::1'], { home });
  t.match(moved, { exit: 0, out: /still a node/, err: /restart its agent/ });
  t.equal(settingsOf(home).advertise, '::1');
  const renamed = await orca([...line, '--name', 'worker-2'], { home });
  t.match(renamed, { exit: 4, err: /one use/ }, 'another name needs a token');
  const token2 = await tokenOf(m);
  const line2 = ['join', urlOf(m), '--home', home, '--name', 'worker-2'];
  t.equal((await orca(line2, { home, env: { ORCA_JOIN_TOKEN: token2 } })).exit, 0);
  const file = join(home, 'token.txt');
  for (const [more, how] of [
    [['--token-file', file], {}],
    [['--token-file', '-'], { env: { ORCA_JOIN_TOKEN: 'x' } }],
    [[], {}],
  ] as const) {
    const text = `${await tokenOf(m)}\n`;
    writeFileSync(file, text);
    const name = `worker-of-${more.length}-${Object.keys(how).length}`;
    const read = { home, stdin: text, ...how };
    t.match(await orca([...line2.slice(0, -1), name, ...more], read), { exit: 0 }, more.join(' '));
  }
  t.equal(settingsOf(home).nodeId, settings.nodeId);
});

t.test('a join whose answer got lost is done by the next one, with the same token', async (t) => {
  const m = await master(t);
  const home = t.testdir({ agent: {} });
  const [token, key] = [await tokenOf(m), makeKey()];
  writeFileSync(join(home, 'agent/join.key'), key, { mode: 0o600 });
  const lost = await askAsHost(m, '/join', joinBody(token, key));
  t.equal((await orca(['join', urlOf(m), '--token', token, '--name', 'worker-1'], { home })).exit, 0);
  t.equal(settingsOf(home).nodeId, lost.json.node_id);
});

t.test('a master with another CA gets nothing but a TLS handshake', async (t) => {
  const [m, other, fake] = [await master(t), await master(t), await startFakeApi()];
  t.teardown(() => fake.stop());
  const home = join(t.testdir(), 'node');
  const token = await tokenOf(m);
  for (const url of [urlOf(other), fake.url]) {
    const refused = await orca(['join', url, '--token', token], { home });
    t.match(refused, {
      exit: 4,
      err: /not the one that made this token[\s\S]*fingerprint[\s\S]*nothing was sent/,
    });
    t.notMatch(refused.err, token.split('.')[2] ?? '?');
  }
  t.same(fake.asked, []);
  t.notOk(existsSync(home), 'and nothing is written');
  t.match(await orca(['join', 'https://127.0.0.1:1', '--token', token], { home }), { exit: 3 });
});

t.test('homes of masters and of other clusters are left alone', async (t) => {
  const [m, other] = [await master(t), await master(t)];
  const token = await tokenOf(m);
  const join_ = (home: string) => orca(['join', urlOf(m), '--token', token, '--name', 'w'], { home });
  t.match(await join_(m.home), { exit: 2, err: /home of a master/ });
  const home = join(t.testdir(), 'node');
  const foreign = ['join', urlOf(other), '--token', await tokenOf(other), '--name', 'w'];
  t.equal((await orca(foreign, { home })).exit, 0);
  const before = readFileSync(join(home, 'agent/node.crt'), 'utf8');
  t.match(await join_(home), { exit: 2, err: /another cluster/ });
  t.equal(readFileSync(join(home, 'agent/node.crt'), 'utf8'), before);
  mkdirSync(join(home, 'empty'));
  t.equal((await join_(join(home, 'empty'))).exit, 0, 'the token was not used up');
});

t.test('what the master refuses, and wrong usage, is said with what to do; nothing is written', async (t) => {
  const m = await master(t);
  const home = join(t.testdir(), 'node');
  const token = await tokenOf(m);
  await m.api('DELETE', `/join-tokens/${token.split('.')[1]}`);
  t.match(await orca(['join', urlOf(m), '--token', token], { home }), {
    exit: 4,
    err: /error: .*revoked at[\s\S]*hint: .*join-token create/,
  });
  t.notOk(existsSync(join(home, 'agent/agent.json')));
  t.match(await orca(['join', urlOf(m)], { home }), { exit: 2, err: /--token[\s\S]*join-token create/ });
  t.match(await orca(['join', urlOf(m), '--token', 'x'], { home }), { exit: 4, err: /no join token/ });
  t.match(await orca(['join', 'http://x', '--token', token], { home }), { exit: 2, err: /https:/ });
  t.match(await orca(['join', urlOf(m), '--token', await tokenOf(m), '--name', 'a b'], { home }), {
    exit: 2,
  });
});

t.test('a host whose node was removed becomes a new one, with a token', async (t) => {
  const m = await master(t);
  const home = join(t.testdir(), 'node');
  const line = async () => ['join', urlOf(m), '--name', 'w', '--token', await tokenOf(m)];
  await orca(await line(), { home });
  const [before, cert] = [
    settingsOf(home).nodeId,
    new X509Certificate(readFileSync(join(home, 'agent/node.crt'))),
  ];
  t.equal(cert.subject, `CN=${before}`);
  await forget(m, before);
  t.equal((await orca(await line(), { home })).exit, 0);
  t.not(settingsOf(home).nodeId, before);
});

/** As `orca nodes rm` will: the store no longer knows it. */
async function forget(m: TestMaster, node: string): Promise<void> {
  await m.master.stop();
  const { openStore } = await import('../../master/store/store.js');
  const store = openStore(join(m.home, 'cluster.db'));
  store.write((tx) => tx.deleteNode(node));
  await store.close();
  await m.restart();
}
