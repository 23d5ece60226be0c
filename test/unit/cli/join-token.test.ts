import t from 'tap';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

const view = {
  id: 'j-1',
  state: 'usable',
  labels: { zone: 'a' },
  uses: 2,
  uses_left: 1,
  nodes: ['n-7'],
  created_by: 'admin',
  created_at: '2026-01-31T12:00:00Z',
  expires_at: '2026-01-31T13:00:00Z',
};

t.test('join-token makes, lists and revokes; the token alone is on stdout', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('POST /join-tokens', { status: 201, body: { ...view, token: 'orca-join.x' } });
  fake.on('GET /join-tokens', { body: { tokens: [view] } }, { body: { tokens: [] } });
  fake.on('DELETE /join-tokens/j-1', { body: { ok: 'gone' } });
  const made = await orca(
    ['join-token', 'create', '--ttl', '30m', '--uses', '2', '--labels', 'zone=a,b='],
    fake,
  );
  t.equal(made.out, 'orca-join.x\n');
  t.match(
    made.err,
    /not shown again[\s\S]*curl -fsSk https:\/\/MASTER:\d+\/install\.sh \| sudo sh -s -- --join https:\/\/MASTER:\d+\n[\s\S]*--token-file FILE/,
  );
  t.same(fake.asked.at(-1)?.body, { ttl_secs: 1_800, uses: 2, labels: { zone: 'a', b: '' } });
  await orca(['join-token', 'create'], fake);
  t.same(fake.asked.at(-1)?.body, { ttl_secs: 3_600, uses: 1, labels: {} });
  t.match((await orca(['join-token', 'list'], fake)).out, /j-1 +usable +1\/2 .*zone=a +admin +n-7/);
  t.match((await orca(['join-token', 'list'], fake)).out, /join-token create/);
  t.match(await orca(['join-token', 'revoke', 'j-1'], fake), { exit: 0, out: 'gone\n' });
  const whole = `orca-join.j-0123abcd.${'s'.repeat(43)}.${'f'.repeat(64)}`;
  fake.on('DELETE /join-tokens/j-0123abcd', { body: { ok: 'gone' } });
  t.match(
    await orca(['join-token', 'revoke', whole], fake),
    { exit: 0 },
    'of a whole text the id alone is sent',
  );
});

t.test('what it is not given right is refused before anything is asked', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  for (const [argv, words] of [
    [['create', '--ttl', 'soon'], /--ttl/],
    [['create', '--uses', '0'], /--uses/],
    [['create', '--labels', 'zone'], /--labels/],
    [['revoke'], /revoke ID/],
    [['dance'], /create, list and revoke/],
  ] as [string[], RegExp][])
    t.match(await orca(['join-token', ...argv], fake), { exit: 2, err: words });
  t.same(fake.asked, []);
});
