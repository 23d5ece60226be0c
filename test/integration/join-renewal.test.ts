/** A real agent renews the certificate of its node by itself, over mutual TLS with the old one, and goes on with the new. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openAuthority } from '../../master/authority.js';
import type { NodeStatus } from '../../shared/api.js';
import { identityPaths, readIdentity, writeIdentity } from '../../shared/identity-files.js';
import { tokenOf } from '../support/a-host.js';
import { agentOfHome } from '../support/agent-of-home.js';
import { statusOf } from '../support/master-words.js';
import { type TestMaster, testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';
import { orca } from '../unit/cli/fake-io.js';

const DAY_MS = 86_400_000;

/** A node whose certificate is so many days old. */
async function aNodeOf(t: Test, ageDays: number) {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const home = join(t.testdir(), 'node');
  const line = ['join', `https://127.0.0.1:${m.port}`, '--name', 'w', '--token', await tokenOf(m)];
  t.equal((await orca(line, { home })).exit, 0);
  const folder = join(home, 'agent');
  const { nodeId } = JSON.parse(readFileSync(join(folder, 'agent.json'), 'utf8'));
  const authority = openAuthority(m.home, Date.now());
  const { certPem: cert, keyPem: key } = authority.issueNode(nodeId, Date.now() - ageDays * DAY_MS);
  writeIdentity(folder, { ca: authority.caPem, cert, key });
  return { m, home, nodeId, old: { cert, key }, paths: identityPaths(folder) };
}

const nodeNow = async (m: TestMaster): Promise<NodeStatus | undefined> => (await statusOf(m)).nodes[0];
t.test('at two thirds of its life: a new key, the same node, and a session with the new one', async (t) => {
  const { m, home, nodeId, old, paths } = await aNodeOf(t, 61);
  const agent = await agentOfHome(t, home);
  await waitFor('another certificate', async () => (await readIdentity(paths)).cert !== old.cert);
  const now = await readIdentity(paths);
  const certificate = new X509Certificate(now.cert);
  t.equal(certificate.subject, `CN=${nodeId}`);
  t.not(now.key, old.key);
  const leftDays = (at: string): number => Math.round((Date.parse(at) - Date.now()) / DAY_MS);
  t.equal(leftDays(certificate.validTo), 90);
  const newest = (words: RegExp): number => agent.logged.findLastIndex(({ message }) => words.test(message));
  await waitFor('a session after it', () => newest(/^session with/) > newest(/was renewed/));
  t.ok(newest(/was renewed/) >= 0);
  await waitFor('the node', async () => (await nodeNow(m))?.state === 'ready');
  t.equal(leftDays((await nodeNow(m))?.certificate_expires_at ?? ''), 90);
  t.match((await orca(['nodes'], { home: m.home })).out, /CERTIFICATE[\s\S]*ago +(89|90)d/);
});

t.test('before that nothing is asked', async (t) => {
  const { m, home, old, paths } = await aNodeOf(t, 50);
  const agent = await agentOfHome(t, home);
  await waitFor('the node', async () => (await nodeNow(m))?.state === 'ready');
  t.equal((await readIdentity(paths)).cert, old.cert);
  t.notOk(agent.logged.some(({ message }) => /renewed/.test(message)));
});

t.test(
  'a master that is away, and a certificate that is no use any more, are said and cost nothing',
  async (t) => {
    const { m, home, old, paths } = await aNodeOf(t, 100);
    const agent = await agentOfHome(t, home);
    const said = (words: RegExp) => agent.logged.some(({ reason }) => words.test(String(reason)));
    await waitFor('the refusal', () => said(/403.*NODE_NOT_ENROLLED/));
    await agent.stop();
    await m.master.stop();
    const later = await agentOfHome(t, home);
    await waitFor('the trouble', () =>
      later.logged.some(({ message }) => /could not be renewed/.test(message)),
    );
    t.equal((await readIdentity(paths)).cert, old.cert);
  },
);
