import t from 'tap';
import { waitFor } from '../../support/wait-for.js';
import { startFakeApi } from './fake-api.js';
import { orca, start } from './fake-io.js';

const entry = (number: number, more: object = {}) => ({
  ...{ number, at: '2026-01-31T12:00:00Z', kind: 'token', by: 'ci', from: '192.0.2.7', via: 'cli' },
  ...{ action: 'POST /services/:name/stop', path: '/services/api/stop', result: 'done', code: null },
  ...{ about: ['shop/api'], text: 'shop/api: stop', count: 1, previous: '0', hash: 'f' },
  ...more,
});

t.test('audit prints who did what and what came of it', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const refused = { result: 'refused', code: 'NOT_ALLOWED', count: 7, text: null };
  const push = { kind: 'webhook', by: 'wh-1 d-2', from: null, action: 'delivery.deploy', path: null };
  fake.on('GET /audit', {
    body: { entries: [entry(1), entry(2, refused), entry(3, push), entry(4, { text: 'a\u001b[2Jb' })] },
  });
  const { out, exit } = await orca(['audit', '--by', 'ci', '--since', '1h', '-n', '9'], fake);
  t.equal(exit, 0);
  t.same(fake.asked.at(-1)?.query, { by: 'ci', since: '1h', limit: '9' });
  t.match(
    out,
    /^1 {2}2026-\S+ \S+ {2}ci from 192\.0\.2\.7 {2}POST \/services\/api\/stop {2}done {2}shop\/api: stop\n/,
  );
  t.match(out, /refused NOT_ALLOWED \(7 times\)\n3 .* {2}webhook wh-1 d-2 {2}delivery\.deploy {2}done/);
  t.notOk(out.includes('\u001b'));
  t.match(await orca(['audit', '-n', '0'], fake), { exit: 2, err: /--tail/ });
});

t.test('following goes on behind the last entry', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('GET /audit', { lines: [entry(4)] }, { lines: [entry(5)], after: 'hold' });
  const running = start(['audit', '-f', '--json'], fake);
  await waitFor('both', async () => running.out().split('\n').length === 3);
  running.interrupt();
  t.equal(await running.exit, 0);
  t.match(fake.asked, [{ query: { follow: 'true' } }, { query: { follow: 'true', after: '4' } }]);
});

t.test('verify says which entry is broken and ends with 1, and what to keep elsewhere', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const verdict = {
    ok: true,
    entries: 9,
    first: 3,
    head: { number: 11, hash: 'ab' },
    anchor: { number: 2, hash: 'cd' },
    broken: null,
  };
  const broken = {
    ...verdict,
    ok: false,
    entries: 4,
    broken: { number: 7, reason: 'its content was changed' },
  };
  fake.on('GET /audit/verify', { body: verdict }, { body: broken });
  const whole = await orca(['audit', '--verify', '--head', '4:ef'], fake);
  t.match(whole, {
    exit: 0,
    out: 'whole: 9 entries from 3 on are as they were written\n',
    err: /up to 2 were removed[\s\S]* 11:ab\n/,
  });
  t.same(fake.asked.at(-1)?.query, { head: '4:ef' });
  t.match(await orca(['audit', '--verify'], fake), {
    exit: 1,
    out: 'broken: entry 7: its content was changed\n',
  });
});
