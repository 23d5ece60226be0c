import t from 'tap';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

const view = {
  ...{
    name: 'ci',
    role: 'deployer',
    projects: ['shop'],
    source: 'made',
    state: 'usable',
    created_by: 'admin',
  },
  ...{ created_at: '2026-01-31T12:00:00Z', expires_at: '2026-04-30T12:00:00Z', previous_until: null },
  last_used: { at: new Date(Date.now() - 3.1 * 86_400_000).toISOString(), from: '192.0.2.7' },
};
const made = { ...view, token: 'orca_x', ca_fingerprint: 'ab'.repeat(32) };

t.test('token makes one whose text is alone on stdout, with the line to log in with', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('POST /tokens', { status: 201, body: made });
  const argv = [
    'token',
    'create',
    '--name',
    'ci',
    '--role',
    'deployer',
    '--project',
    'shop',
    '--project',
    'a,b',
    '--ttl',
    '90d',
  ];
  const created = await orca(argv, fake);
  t.match(created, { exit: 0, out: 'orca_x\n' });
  t.match(
    created.err,
    /deployer of shop, until 2026[^\n]*not shown again[^\n]*\n {2}orca login https:\/\/MASTER:\d+ --fingerprint (ab){32}\n/,
  );
  t.same(fake.asked.at(-1)?.body, {
    name: 'ci',
    role: 'deployer',
    projects: ['shop', 'a', 'b'],
    ttl_secs: 90 * 86_400,
  });
  t.match(
    JSON.parse((await orca(['token', 'create', '--name', 'x', '--role', 'viewer', '--json'], fake)).out),
    made,
  );
  t.same(fake.asked.at(-1)?.body, { name: 'x', role: 'viewer', projects: null, ttl_secs: null });
});

t.test('token lists with roles, expiry, last use and who guesses, rotates and revokes', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const hands = {
    ...view,
    name: 'hands',
    projects: null,
    source: 'cluster.toml',
    expires_at: null,
    last_used: null,
    created_by: null,
  };
  const slowed = [{ from: '203.0.113.9', failures: 40, until: '2026-01-31T12:00:00Z' }];
  fake.on('GET /tokens', {
    body: {
      tokens: [view, hands, { ...view, name: 'old', state: 'revoked' }],
      guessing: { failures: 40, slowed },
    },
  });
  fake.on('POST /tokens/ci/rotate', { body: { ...made, previous_until: '2026-02-01T12:00:00Z' } });
  fake.on('DELETE /tokens/ci', { body: { ok: 'gone' } });
  const { out, err } = await orca(['token', 'list'], fake);
  t.match(
    out,
    /ci +deployer of shop +2026\S+ \S+ +3d 2h ago from 192\.0\.2\.7 +made +admin\nhands +deployer +never +never +cluster\.toml\nold .* revoked/,
  );
  t.match(err, /slowed: 40 wrong tokens came from 203\.0\.113\.9/);
  const rotated = await orca(['token', 'rotate', 'ci', '--overlap', '1h'], fake);
  t.match(rotated, { exit: 0, out: 'orca_x\n', err: /the old value is taken too until 2026/ });
  t.same(fake.asked.at(-1)?.body, { overlap_secs: 3_600 });
  t.match(await orca(['token', 'revoke', 'ci'], fake), { exit: 0, out: 'gone\n' });
});

t.test('what it is not given right is refused before anything is asked', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  for (const [argv, words] of [
    [['create', '--role', 'viewer'], /name the token/],
    [['create', '--name', 'x'], /--role must be admin, deployer or viewer/],
    [['create', '--name', 'x', '--role', 'root'], /"root"/],
    [['create', '--name', 'x', '--role', 'viewer', '--ttl', 'soon'], /--ttl/],
    [['rotate', 'x', '--overlap', '0'], /--overlap/],
    [['revoke'], /token revoke NAME/],
    [['dance'], /create, list, revoke and rotate/],
  ] as [string[], RegExp][])
    t.match(await orca(['token', ...argv], fake), { exit: 2, err: words });
  t.same(fake.asked, []);
});
