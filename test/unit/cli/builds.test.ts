import t from 'tap';
import type { BuildView } from '../../../shared/api-builds.js';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

const view: BuildView = {
  ...{ id: 'b-1', service: 'api', project: 'shop', rollout: 'r-1', state: 'failed', reason: 'make: no rule' },
  ...{
    repo: 'git@h:r',
    ref: 'refs/heads/main',
    commit: 'c'.repeat(40),
    author: 'Alice\u001b[31m',
    subject: 'Mend',
  },
  ...{
    image: null,
    node: 'worker-1',
    by: 'ann',
    queued_at: '2026-01-31T12:00:00Z',
    builder: 'classic',
    size_bytes: 2_000_000,
  },
  ...{ started_at: null, ended_at: null, duration_ms: 61_000, last_logs: [] },
};

t.test('builds are a table, of all services or of one', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('GET /builds', { body: { builds: [view] } }, { body: { builds: [] } });
  const { exit, out } = await orca(['builds', 'api'], fake);
  t.equal(exit, 0);
  t.match(out, /BUILD +SERVICE +COMMIT +AUTHOR +NODE +AGE +TOOK +SIZE +STATE/);
  t.match(out, /b-1 +shop\/api +c{12} +Alice +worker-1 .* 1m 1s +2\.0 MB +failed: make: no rule/);
  t.notOk(out.includes('\u001b'));
  t.match((await orca(['builds'], fake)).out, /nothing was built yet/);
});

t.test('logs that are followed end as the build did', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const lines = { lines: [{ at: '2026-01-31T12:00:00Z', text: 'Step 1/2\u001b[2J' }] };
  fake.on('GET /builds/b-1/logs', lines);
  fake.on('GET /builds/b-1', { body: view });
  t.match(await orca(['builds', 'logs', 'b-1'], fake), { exit: 0, out: /^Step 1\/2/ });
  t.match(await orca(['builds', 'logs', 'b-1', '-f'], fake), { exit: 1, out: /^Step 1\/2/ });
});

t.test('what is not said whole is refused before anything is asked', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const wrong = [
    ['builds', 'logs'],
    ['builds', 'cancel'],
    ['builds', 'api', 'b-1'],
    ['builds', 'logs', 'a', 'b'],
    ['deploy-key', 'list', 'api'],
  ];
  for (const args of wrong) t.match(await orca(args, fake), { exit: 2 }, args.join(' '));
  t.equal(fake.asked.length, 0);
});

t.test(
  'a build is cancelled; a key is printed with what to do with it; a cleanup says what went',
  async (t) => {
    const fake = await startFakeApi();
    t.teardown(() => fake.stop());
    fake.on('POST /builds/b-1/cancel', { body: { ok: 'the build b-1 is cancelled' } });
    t.match(await orca(['builds', 'cancel', 'b-1'], fake), { exit: 0, out: /is cancelled/ });
    const key = {
      service: 'api',
      secret: 'api_deploy_key',
      project: 'shop',
      public_key: 'ssh-ed25519 AAAA x',
      fingerprint: 'SHA256:y',
    };
    fake.on('POST /keys/deploy', { status: 201, body: key });
    const made = await orca(['deploy-key', 'create', 'api', '--project', 'shop'], fake);
    t.match(made, {
      exit: 0,
      out: /^ssh-ed25519 AAAA x\n/,
      err: /deploy_key = "\$\{secrets\.api_deploy_key\}"/,
    });
    t.match(fake.asked.at(-1)?.body, { service: 'api', project: 'shop' });
    const images = [{ tag: 'orca-build/shop/api:1', size_bytes: 3_000_000 }];
    const nodes = [
      { node: 'a', images, problem: null },
      { node: 'b', images: [], problem: 'it is gone' },
    ];
    fake.on('POST /cleanup', { body: { nodes } });
    const cleaned = await orca(['cleanup', '--dry-run'], fake);
    t.match(cleaned, {
      exit: 1,
      out: /a {2}would remove orca-build\/shop\/api:1 {2}3\.0 MB\nb {2}it is gone/,
    });
    fake.on('POST /cleanup', { body: { nodes: [] } });
    t.match(await orca(['cleanup', '--dry-run'], fake), {
      exit: 0,
      out: /^no node that builds is connected/,
    });
  },
);
