import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { verbs } from '../../../cli/verbs.js';
import { openAuthority } from '../../../master/authority.js';
import { type FakeApi, startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';
import { aStatus } from './frames.js';

async function api(t: Test): Promise<FakeApi> {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('GET /status', { body: aStatus() });
  return fake;
}

t.test('wrong usage ends with 2, an error and a hint', async (t) => {
  const home = t.testdir();
  for (const argv of [
    ['bogus'],
    ['status', '--bogus'],
    ['scale', 'api'],
    ['scale', 'api', 'many'],
    ['logs'],
    ['deploy', '--timeout'],
    ['completions', 'tcsh'],
    ['rollback', 'api', '--to', 'old'],
    ['promote', 'api', '--weight', '101'],
    ['rollout', 'halt', 'api'],
    ['maintenance', 'api'],
    ['status', 'a', 'b'],
  ]) {
    const { exit, out, err } = await orca(argv, { home });
    t.equal(exit, 2, argv.join(' '));
    t.equal(out, '');
    t.match(err, /^error: [\s\S]*hint: /, argv.join(' '));
  }
});

t.test('help and version end with 0 and need no master', async (t) => {
  const home = t.testdir();
  const version = JSON.parse(readFileSync('package.json', 'utf8')).version;
  for (const argv of [
    [],
    ['help'],
    ['--help'],
    ['deploy', '--help'],
    ['help', 'status'],
    ['server', '--help'],
    ['help', 'server'],
    ['agent', '-h'],
  ]) {
    const { exit, out } = await orca(argv, { home });
    t.equal(exit, 0, argv.join(' '));
    t.match(out, /Usage: orca/);
  }
  t.equal((await orca(['--version'], { home })).out, `${version}\n`);
  t.match((await orca(['version'], { home })).out, `orca ${version} `);
  t.same(JSON.parse((await orca(['version', '--json'], { home })).out), { version, node: process.version });
});

t.test('a master that does not answer ends with 3', async (t) => {
  const home = t.testdir();
  const none = await orca(['status'], { home });
  t.equal(none.exit, 3);
  t.match(none.err, /error: no master is known here: .*cluster\.url is missing\nhint: /);
  const fake = await startFakeApi();
  await fake.stop();
  const { exit, err } = await orca(['status', '--api', fake.url], { home });
  t.equal(exit, 3);
  t.match(err, /error: no answer from https:.*ECONNREFUSED/);
});

t.test('a certificate of another CA is not trusted', async (t) => {
  const fake = await api(t);
  const other = t.testdir();
  openAuthority(other, Date.now());
  writeFileSync(join(other, 'cluster.url'), fake.url);
  const { exit, err } = await orca(['status'], { home: other });
  t.equal(exit, 3);
  t.match(err, /hint: .*ORCA_CA/);
  t.equal((await orca(['status'], { home: other, env: { ORCA_CA: join(fake.home, 'ca.pem') } })).exit, 0);
  t.equal(fake.asked.length, 1, 'nothing was sent over the connection that was not trusted');
});

t.test('401 and 403 end with 4', async (t) => {
  const fake = await api(t);
  fake.on('GET /status', {
    status: 401,
    body: { error: 'no token', code: 'NOT_AUTHENTICATED', hint: 'Pass one.' },
  });
  t.same(await orca(['status'], fake), { exit: 4, out: '', err: 'error: no token\nhint: Pass one.\n' });
  fake.on('GET /status', { status: 403, body: {} });
  t.equal((await orca(['status'], fake)).exit, 4);
});

t.test('the flag comes before the environment, and that before the home', async (t) => {
  const fake = await api(t);
  const tokens: [string[], Record<string, string>, string][] = [
    [['status'], {}, 'the-token'],
    [['status'], { ORCA_TOKEN: 'env' }, 'env'],
    [['status', '--token', 'flag'], { ORCA_TOKEN: 'env' }, 'flag'],
    [['--token', 'before', 'status'], {}, 'before'],
  ];
  for (const [argv, env, token] of tokens) {
    t.equal((await orca(argv, { home: fake.home, env })).exit, 0);
    t.equal(fake.asked.at(-1)?.token, token);
  }
  t.equal((await orca(['status'], { home: fake.home, env: { ORCA_API: 'https://127.0.0.1:1' } })).exit, 3);
  t.equal((await orca(['status', '--api', 'nonsense'], fake)).exit, 2);
});

t.test('an answer that is no JSON is no stack trace', async (t) => {
  const fake = await api(t);
  fake.on('GET /status', { lines: ['<html>'], status: 502 });
  const { exit, err } = await orca(['status'], fake);
  t.equal(exit, 3);
  t.notMatch(err, /at .*\.js/);
});

t.test('completions name every command', async (t) => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { exit, out } = await orca(['completions', shell], { home: t.testdir() });
    t.equal(exit, 0);
    for (const { usage } of verbs) t.match(out, usage.split(' ')[0] ?? '', `${shell} ${usage}`);
  }
});

t.test('every command can be loaded', async (t) => {
  for (const verb of verbs.filter(({ usage }) => !/^(server|agent) /.test(usage)))
    t.type(await verb.load(), 'function', verb.usage);
});
