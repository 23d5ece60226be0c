import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { DeliveryView, WebhookView } from '../../../shared/api-webhooks.js';
import { errorTable } from '../../../shared/errors.js';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

const delivery: DeliveryView = {
  ...{ id: 'd-1', webhook: 'wh-1', service: 'api', state: 'skipped', reason: 'the branch dev is not main' },
  ...{
    event: 'push',
    ref: 'refs/heads/dev',
    commit: 'b'.repeat(40),
    author: 'alice\u001b[31m',
    message: 'Mend',
  },
  ...{ paths: [], path_count: null, image_tag: null, rollout: null, remote_id: null, redelivery_of: null },
  ...{ pull: null, commit_status: null, infra: null },
  ...{ received_at: '2026-01-31T12:00:00Z', ended_at: null },
};
const view: WebhookView = {
  ...{
    id: 'wh-1',
    provider: 'github',
    repo: 'org/myapp',
    service_name: 'api',
    project: 'shop',
    branch: null,
  },
  ...{ tag: null, paths: ['api/**'], image_tag: null, has_secret: true, preview: null },
  ...{ infra: false, infra_source: null, counts: { branch: null, paths: ['api/**'] } },
  ...{ status_secret: null, status_api: null },
  ...{ url: 'https://orca.example.com/api/v1/webhooks/github/wh-1', last_invocation: delivery.received_at },
  ...{ last_delivery: delivery, created_by: 'ann', created_at: '2026-01-31T12:00:00Z' },
};

t.test('webhooks shows each with what deploys and what came of the last push', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('GET /webhooks', { body: { webhooks: [view] } }, { body: { webhooks: [] } });
  const { exit, out } = await orca(['webhooks'], fake);
  t.equal(exit, 0);
  t.match(out, /ID +REPOSITORY +SERVICE +DEPLOYS +LAST +RESULT/);
  t.match(out, /wh-1 +org\/myapp +api +default branch \(api\/\*\*\) .* skipped: the branch dev is not main/);
  t.match((await orca(['webhooks', 'list'], fake)).out, /no webhooks/);
  const built = { ...view, tag: 'v*', counts: { branch: 'release', paths: ['api/**'] } };
  const { counts: _, ...older } = view;
  fake.on('GET /webhooks', { body: { webhooks: [built, older] } });
  const shown = (await orca(['webhooks'], fake)).out;
  t.match(shown, /api +release \(api\/\*\*\), tags v\* /, 'what its service says');
  t.match(shown, /api +default branch \(api\/\*\*\) /);
  fake.on('GET /webhooks/wh-1/deliveries', { body: { deliveries: [delivery] } });
  t.match((await orca(['webhooks', 'deliveries', 'wh-1'], fake)).out, /d-1 .* dev +bbbbbbb +alice +skipped/);
});

t.test('add sends what was asked, prints URL and secret once, and says what to paste where', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const added = { ...view, secret: 'THE-SECRET', is_public: false, unset_secrets: [] };
  fake.on('POST /webhooks', { status: 201, body: added }, { status: 201, body: { ...added, secret: null } });
  const add = ['webhooks', 'add', '--repo', 'org/myapp', '--service', 'api'];
  const { exit, out, err } = await orca([...add, '--branch', 'main', '--paths', 'api/**, lib/*'], fake);
  t.equal(exit, 0);
  t.match(out, /url: +https:\/\/orca\.example\.com\/api\/v1\/webhooks\/github\/wh-1\nsecret: THE-SECRET\n/);
  t.match(err, /github\.com\/org\/myapp\/settings\/hooks\/new/);
  t.match(err, /certificate of the cluster CA/);
  t.match(fake.asked.at(-1)?.body, {
    ...{ repo: 'org/myapp', service_name: 'api', branch: 'main', paths: ['api/**', 'lib/*'] },
  });
  writeFileSync(join(fake.home, 'secret'), 'from a file\n');
  const given = await orca([...add, '--secret-file', 'secret'], fake);
  t.match(given.out, /secret: \(the one that you gave\)/);
  t.match(fake.asked.at(-1)?.body, { secret: 'from a file' });
  t.notMatch(given.out + given.err, /from a file/);
});

t.test('add --infra takes the address of a repository, and no service', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const paths = ['services/*/service.toml', 'services/*/service.yaml'];
  const more = { prune: true, deploy_key: 'key', token_secret: null, insecure_http: false };
  const infra = { ...view, service_name: '*', infra: true, infra_source: { url: 'u', paths, ...more } };
  fake.on('POST /webhooks', {
    status: 201,
    body: { ...infra, secret: 's', is_public: true, unset_secrets: ['infra_key'] },
  });
  fake.on('GET /webhooks', { body: { webhooks: [infra] } });
  const add = ['webhooks', 'add', '--infra', '--repo', 'git@example.com:org/infra.git', '--prune'];
  const { exit, out, err } = await orca([...add, '--deploy-key', 'key', '--path', 'a/*.toml, b.toml'], fake);
  t.equal(exit, 0);
  t.match(err, /names is not set yet: orca secrets set infra_key\n/);
  t.match(out, /ok wh-1: pushes to org\/myapp deploy services\/\*\/service\.toml…/);
  t.match(fake.asked.at(-1)?.body, {
    ...{ infra: true, prune: true, deploy_key: 'key', infra_paths: ['a/*.toml', 'b.toml'] },
    repo: 'git@example.com:org/infra.git',
  });
  t.match((await orca(['webhooks'], fake)).out, /services\/\*\/service\.toml… .*and prunes/);
});

t.test('what the API refuses is told by the option that it was, and by no page of the API', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const refusal = (error: string) => ({
    status: 400,
    body: { error, code: 'BODY_INVALID', hint: errorTable.BODY_INVALID.hint },
  });
  const add = ['webhooks', 'add', '--repo', 'org/myapp', '--service', 'api', '--json'];
  for (const [error, hint] of [
    ['status_api is for commit statuses', /hint: Mend --status-api: `orca webhooks --help` says/],
    ['service_name must not be empty', /hint: Mend --service:/],
    ['infra_paths: "../x" must stay inside', /hint: Mend --path:/],
    ['paths.0 must not have more', /hint: Mend --paths:/],
    ['it is too much', /hint: .*`orca webhooks --help` says what each option takes/],
  ] as const) {
    fake.on('POST /webhooks', refusal(error));
    const { exit, err } = await orca(add, fake);
    t.equal(exit, 2);
    t.match(err, hint);
    t.notMatch(err, /openapi/);
  }
});

t.test('wrong use is told before anything is sent', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  writeFileSync(join(fake.home, 'empty'), '\n');
  const add = ['add', '--repo', 'org/myapp', '--service', 'api'];
  for (const [args, err] of [
    [['bogus'], /there is no "orca webhooks bogus"/],
    [['constructor'], /there is no "orca webhooks constructor"/],
    [['rm'], /say which/],
    [['list', 'wh-1'], /takes no "wh-1"/],
    [['add', '--service', 'api'], /--repo is missing/],
    [['add', '--repo', 'org/myapp'], /--service is missing/],
    [[...add, '--infra'], /leave out --service/],
    [[...add, '--provider', 'svn'], /one of github, gitea, gitlab, generic/],
    [[...add, '--secret', 'a', '--secret-file', 'b'], /one of --secret and --secret-file/],
    [[...add, '--secret-file', 'none'], /none can't be read/],
    [[...add, '--secret-file', 'empty'], /empty is empty/],
  ] as const)
    t.match(await orca(['webhooks', ...args], fake), { exit: 2, err });
  t.same(fake.asked, []);
});

t.test('rm, redeliver and test say what came of it', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('DELETE /webhooks/api', { body: { ok: 'the webhook wh-1 is removed' } });
  t.match(await orca(['webhooks', 'rm', 'api'], fake), { exit: 0, out: /is removed/ });
  const redelivered = { ok: 'shop/api is to be deployed again, as d-2', delivery: 'd-2' };
  fake.on('POST /webhooks/deliveries/d-1/redeliver', { status: 202, body: redelivered });
  t.match(await orca(['webhooks', 'redeliver', 'd-1'], fake), { exit: 0, out: /as d-2/ });
  fake.on('GET /webhooks', { body: { webhooks: [view] } });
  const tested = { url: view.url, reachable: false, status: null, certificate: null, took_ms: 5 };
  fake.on('POST /webhooks/wh-1/test', { body: { ...tested, message: 'no answer: ECONNREFUSED' } });
  t.match(await orca(['webhooks', 'test', 'api'], fake), {
    exit: 1,
    out: /^not reachable https:.*ECONNREFUSED/,
  });
});
