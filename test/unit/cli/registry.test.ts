import t from 'tap';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

t.test('a password comes from standard input and is never printed', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('POST /registries', { body: { ok: 'images of r.test are pulled as me from now on' } });
  const argv = ['registry', 'login', 'r.test', '--username', 'me'];
  const { exit, out, err } = await orca(argv, { ...fake, stdin: 'open sesame\n' });
  t.equal(exit, 0, err);
  t.match(out, 'images of r.test are pulled as me');
  t.notMatch(`${out}${err}`, 'sesame');
  t.match(fake.asked.at(-1)?.body, { host: 'r.test', username: 'me', password: 'open sesame' });
});

t.test('a command goes as the array that it is', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('POST /registries', { body: { ok: 'done' } });
  const { exit } = await orca(['registry', 'login', 'r.test', '--command', '["helper","a b"]'], fake);
  t.equal(exit, 0);
  t.same(fake.asked.at(-1)?.body, { host: 'r.test', command: ['helper', 'a b'] });
});

t.test('a token URL goes with the bearer from standard input, where there is one', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('POST /registries', { body: { ok: 'done' } });
  const login = ['registry', 'login', 'r.test', '--token-url', 'https://t.test/x'];
  t.equal((await orca(login, fake)).exit, 0);
  t.same(fake.asked.at(-1)?.body, { host: 'r.test', token_url: 'https://t.test/x' });
  const more = [...login, '--username', 'oauth2', '--bearer'];
  const { exit, out, err } = await orca(more, { ...fake, stdin: 'hush\n' });
  t.equal(exit, 0);
  t.match(fake.asked.at(-1)?.body, { username: 'oauth2', bearer: 'hush' });
  t.notMatch(out + err, /hush/);
  const count = fake.asked.length;
  for (const [argv, says] of [
    [[...login, '--command', '["x"]'], /--command or --token-url, not both/],
    [[...login, '--bearer'], /no bearer token on standard input/],
    [['registry', 'login', 'r.test', '--bearer'], /--bearer is for --token-url/],
  ] as const)
    t.match(await orca([...argv], { ...fake, stdin: '' }), { exit: 2, err: says });
  t.equal(fake.asked.length, count);
});

t.test('they are listed, and removed by host', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const one = {
    host: 'r.test:5000',
    username: 'me',
    command: null,
    token_url: null,
    set_at: '2026-01-02T03:04:05.000Z',
    by: 'admin',
  };
  fake.on('GET /registries', { body: { registries: [{ ...one, used_by: ['shop/api'] }] } });
  fake.on('DELETE /registries/r.test%3A5000', { body: { ok: 'credentials for r.test:5000 are removed' } });
  t.match((await orca(['registry'], fake)).out, /r\.test:5000 +me .*admin +shop\/api/);
  t.match(
    (await orca(['registry', 'logout', 'r.test:5000'], fake)).out,
    'credentials for r.test:5000 are removed',
  );
});

t.test('what is missing, too much or unknown is wrong usage, and asks nobody', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  for (const [argv, says] of [
    [['login'], /say which: orca registry login HOST/],
    [['login', 'r.test'], /say who: orca registry login r.test --username USER/],
    [['login', 'r.test', '--username', 'me'], /no password on standard input/],
    [['login', 'r.test', '--username', 'me', '--command', '["x"]'], /--username or --command, not both/],
    [
      ['login', 'r.test', '--command', 'helper get'],
      /takes a program of the master's host and its arguments as JSON/,
    ],
    [['login', 'r.test', '--command', '[]'], /as JSON/],
    [['logout'], /say which/],
    [['list', 'r.test'], /takes less than that/],
    [['push', 'r.test'], /there is no "orca registry push"/],
  ] as const) {
    const { exit, err } = await orca(['registry', ...argv], { ...fake, stdin: '' });
    t.equal(exit, 2, argv.join(' '));
    t.match(err, says);
  }
  t.same(fake.asked, []);
});
