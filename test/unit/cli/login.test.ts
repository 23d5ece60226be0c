import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { certificateFingerprint } from '../../../shared/join-token.js';
import { formatToken } from '../../../shared/token-text.js';
import { type FakeApi, startFakeApi } from './fake-api.js';
import { orca, type RunOptions } from './fake-io.js';

const own = {
  name: 'ci',
  role: 'deployer',
  projects: ['shop'],
  expires_at: null,
  cluster_name: 'production',
};

/** A master, and a user elsewhere who has no home of a server. */
async function elsewhere(t: Test, body: object = own, status = 200) {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('GET /tokens/self', { body, status });
  fake.on('GET /events', { body: { events: [] } });
  const user = t.testdir();
  const root = new X509Certificate(shownRootOf(fake));
  const fingerprint = certificateFingerprint(root.raw);
  const run = (argv: string[], more: Partial<RunOptions> = {}) =>
    orca(argv, { home: join(user, 'none'), cwd: user, ...more, env: { HOME: user, ...more.env } });
  return { fake, run, fingerprint, file: join(user, '.config', 'orca', 'login.json'), user };
}

const shownRootOf = ({ home }: FakeApi): string => readFileSync(join(home, 'ca.pem'), 'utf8');
const text = (fingerprint: string): string => formatToken('0123456789', 'x'.repeat(43), fingerprint);

t.test('a token that carries the fingerprint is enough, and the login is used from then on', async (t) => {
  const { fake, run, fingerprint, file } = await elsewhere(t);
  const token = text(fingerprint);
  const logged = await run(['login', fake.url], { stdin: `${token}\n` });
  t.match(
    logged,
    { exit: 0, out: `logged in at ${fake.url} (production) as ci, deployer of shop\n` },
    logged.err,
  );
  t.notMatch(logged.err, /warning/);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(statSync(join(file, '..')).mode & 0o777, 0o700);
  t.equal((await run(['events'])).exit, 0);
  t.match(fake.asked.at(-1), { path: '/events', token });
  t.equal((await run(['events'], { env: { ORCA_TOKEN: 'other' } })).exit, 0);
  t.match(fake.asked.at(-1), { token: 'other' });
  t.match(await run(['logout']), { exit: 0, out: /logged out/ });
  t.match(await run(['logout']), { exit: 0, out: /nobody is logged in/ });
  t.match(await run(['events']), { exit: 3, err: /orca login/ });
});

t.test('what is not the fingerprint is refused, and nothing was said', async (t) => {
  const { fake, run, fingerprint, file } = await elsewhere(t);
  const other = 'ab'.repeat(32);
  t.match(await run(['login', fake.url], { stdin: text(other) }), {
    exit: 4,
    err: /should have the fingerprint (ab){32}/,
  });
  t.match(await run(['login', fake.url, '--fingerprint', other], { stdin: text(fingerprint) }), { exit: 4 });
  t.match(await run(['login', fake.url, '--fingerprint', 'short'], { stdin: 'x' }), {
    exit: 2,
    err: /64 hex digits/,
  });
  t.same(fake.asked, []);
  t.throws(() => statSync(file));
  const colons = `SHA256:${(fingerprint.match(/../g) ?? []).join(':').toUpperCase()}`;
  t.match(await run(['login', fake.url, '--fingerprint', colons], { stdin: 'good' }), { exit: 0 });
});

t.test('without one it shows it and asks; where nobody is to be asked it says what to do', async (t) => {
  const { fake, run, fingerprint } = await elsewhere(t);
  const nobody = await run(['login', fake.url], { stdin: 'good' });
  t.match(nobody, { exit: 4, err: /Nobody is there to be asked: pass --fingerprint/ });
  t.match(nobody.err, fingerprint);
  t.match(await run(['login', fake.url], { stdin: 'good', says: false }), {
    exit: 4,
    err: /was not confirmed/,
  });
  t.same(fake.asked, []);
  t.match(await run(['login', fake.url, '--token', 'good'], { says: true }), {
    exit: 0,
    err: /warning: a token on the command line/,
  });
  t.equal(fake.asked.at(-1)?.token, 'good');
});

t.test('a token that is not taken is not kept', async (t) => {
  const refusal = { error: 'the token is not known here', code: 'NOT_AUTHENTICATED', hint: 'Another.' };
  const { fake, run, fingerprint, file } = await elsewhere(t, refusal, 401);
  t.match(await run(['login', fake.url], { stdin: text(fingerprint) }), { exit: 4, err: /not known here/ });
  t.throws(() => statSync(file));
  t.match(await run(['login', fake.url], { stdin: '\n' }), { exit: 2, err: /no token was given/ });
  t.match(await run(['login', 'http://x'], { stdin: 'x' }), { exit: 2, err: /such as https:\/\/host:6880/ });
});

t.test('a home of this host goes before the login, and its token is said to nobody else', async (t) => {
  const { fake, run, fingerprint } = await elsewhere(t);
  await run(['login', fake.url], { stdin: text(fingerprint) });
  const local = await startFakeApi();
  t.teardown(() => local.stop());
  local.on('GET /events', { body: { events: [] } });
  t.equal((await run(['events'], { home: local.home })).exit, 0);
  t.match(local.asked.at(-1), { token: 'the-token' });
  t.equal((await run(['events', '--api', fake.url], { home: local.home })).exit, 0);
  t.match(fake.asked.at(-1), { token: text(fingerprint) });
});

t.test('a file that is no login is told, and logout removes it', async (t) => {
  const { run, file } = await elsewhere(t);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, '{');
  t.match(await run(['events']), { exit: 2, err: /login\.json can't be read as a login[\s\S]*orca logout/ });
  t.match(await run(['logout']), { exit: 0 });
  rmSync(join(file, '..'), { recursive: true });
});
