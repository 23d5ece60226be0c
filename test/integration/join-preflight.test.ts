/** What `orca join` looks at before it changes anything, against a whole master, and what a node is told of itself. */
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeKey } from '../../shared/csr.js';
import { askAsHost, joinBody, joined, tokenOf } from '../support/a-host.js';
import { agentOfHome } from '../support/agent-of-home.js';
import { testDocker } from '../support/docker.js';
import { oldDocker } from '../support/old-docker.js';
import { type TestMaster, testMaster } from '../support/test-master.js';
import { orca } from '../unit/cli/fake-io.js';

const m: TestMaster = await testMaster();
t.teardown(() => m.stop());
const url = `https://127.0.0.1:${m.port}`;
const nowhere = (t: Test): string => join(t.testdir(), 'node');

t.test('--check says what it found, uses nothing up and writes nothing', async (t) => {
  const home = nowhere(t);
  const token = await tokenOf(m);
  const line = ['join', url, '--token', token, '--name', 'checked', '--docker', testDocker()];
  for (const _ of [1, 2]) {
    const { exit, out, err } = await orca([...line, '--check'], { home });
    t.equal(exit, 0, err);
    t.match(
      out,
      /ok +docker.*\n[\s\S]*ok +master.*lets this host in\nok +way back +the master reaches 127\.0\.0\.1/,
    );
  }
  t.notOk(existsSync(home));
  t.equal((await orca(line, { home })).exit, 0, 'the token was not used up');
  t.match(await orca([...line, '--check'], { home }), { exit: 0 }, 'nor is it needed by a node');
});

t.test('everything that fails is said at once, with what to do', async (t) => {
  const home = nowhere(t);
  const { url: docker, stop } = await oldDocker();
  t.teardown(stop);
  const token = await tokenOf(m);
  const line = ['join', url, '--token', token, '--name', 'failing', '--docker', docker];
  const { exit, err } = await orca([...line, '--advertise', '192.0.2.1'], { home });
  t.equal(exit, 1);
  t.match(
    err,
    /error: docker: Docker 19\.03\.1 \(API 1\.40\) at .*: install Docker Engine 20\.10 or newer\nerror: address: .*192\.0\.2\.1.*\nhint: Nothing was changed/,
  );
  t.notOk(existsSync(home));
  t.match(await orca([...line, '--check', '--docker-later'], { home }), { exit: 0 }, 'Docker may come later');
  const none = await orca(['join', url, '--token', token, '--docker', '/nowhere.sock'], { home });
  t.match(none, { exit: 1, err: /error: docker: no answer at \/nowhere\.sock.*start Docker/ });
});

t.test('what the master would refuse is refused beforehand, with its own code', async (t) => {
  const home = nowhere(t);
  const used = await tokenOf(m);
  await joined(m, { token: used, name: 'used' });
  const line = ['join', url, '--name', 'refused', '--docker', testDocker(), '--check', '--token'];
  t.match(await orca([...line, used], { home }), { exit: 4, err: /one use, and none is left/ });
  const name = [
    'join',
    url,
    '--name',
    'used',
    '--docker',
    testDocker(),
    '--check',
    '--token',
    await tokenOf(m),
  ];
  t.match(await orca(name, { home }), { exit: 2, err: /a node named used already/ });
  const late = { clock: new Date(Date.now() - 3_600_000).toISOString(), way_back: null };
  const body = joinBody(await tokenOf(m), makeKey(), { name: 'late', ...late });
  t.match(await askAsHost(m, '/join/check', body), { status: 409, json: { code: 'CLOCK_SKEW' } });
});

t.test('the master tries the way back only with a token, and says of a foreign port nothing', async (t) => {
  const nonce = 'ab'.repeat(16);
  const [right, wrong, silent] = await Promise.all(
    [nonce, 'SSH-2.0-OpenSSH_9.2\r\n', ''].map((s) => saying(t, s)),
  );
  const ask = async (port: number | undefined, more: object = {}) => {
    const body = joinBody(await tokenOf(m), makeKey(), { name: 'asks', way_back: { port, nonce }, ...more });
    return askAsHost(m, '/join/check', body);
  };
  t.same((await ask(right)).json, { reached: true });
  for (const port of [wrong, silent, 1_025]) t.same((await ask(port)).json, { reached: false }, `${port}`);
  t.equal((await ask(22)).status, 400, 'no port of a service');
  for (const address of ['169.254.169.254', '0.0.0.0', 'localhost', '::ffff:169.254.169.254'])
    t.match(await ask(right, { address }), { status: 400, json: { error: /not an address/ } }, address);
  t.equal(
    (await ask(right, { token: `orca-join.j-00000000.${'a'.repeat(43)}.${'0'.repeat(64)}` })).status,
    401,
  );
});

t.test('a node is told of itself, and nobody else of it', async (t) => {
  const home = nowhere(t);
  const line = ['join', url, '--token', await tokenOf(m), '--name', 'itself', '--docker', testDocker()];
  t.match(await orca(['join', url, '--ready'], { home }), { exit: 4, err: /no identity/ });
  await orca(line, { home });
  await agentOfHome(t, home);
  t.match(await orca(['join', url, '--ready'], { home }), {
    exit: 0,
    out: /^itself \(n-.*is ready: its agent/,
  });
  const doctor = await orca(['doctor', '--json'], { home });
  t.match(JSON.parse(doctor.out), { ok: true }, doctor.out);
  t.match(await m.api('GET', '/nodes/self'), { status: 403, json: { code: 'NODE_NOT_ENROLLED' } });
});

async function saying(t: Test, text: string): Promise<number> {
  const server = createServer((socket) => void socket.on('error', () => undefined).write(text));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  return (server.address() as AddressInfo).port;
}
