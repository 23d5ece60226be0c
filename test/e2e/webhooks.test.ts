/** From a signed push to the new container: a real master, agent, Docker and Caddy, called as providers call. */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type {
  DeliveriesReply,
  DeliveryView,
  WebhookAdded,
  WebhooksReply,
} from '../../shared/api-webhooks.js';
import { aCommit, githubDeletion, githubPush, type HookCall, signedCall } from '../support/hook-payloads.js';
import { type Answer, request } from '../support/https-request.js';
import { nodeAppImage } from '../support/images.js';
import { finished, startOrca } from '../support/orca.js';
import { isAlive, killHard } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { startStatusProvider } from '../support/status-provider.js';
import { waitFor } from '../support/wait-for.js';

const program = fileURLToPath(new URL('../../test-programs/dying-server.js', import.meta.url));
const orca = await startOrca({ serverProgram: [process.execPath, program] });
t.teardown(() => orca.stop());

/** What is behind the tag that the service names, as a push to a registry would change it. */
const publish = (release: string) => nodeAppImage({ tag: 'orca-e2e/hooks:main', env: { RELEASE: release } });
await publish('a');
await orca.deployed(
  serviceToml({
    name: 'web',
    image: 'orca-e2e/hooks:main',
    domain: 'web.localhost',
    lines: ['pull = "never"'],
  }),
);
const provider = await startStatusProvider('forge-token');
t.teardown(() => provider.stop());
const added = await orca.run([
  ...['webhooks', 'add', '--repo', 'org/myapp', '--service', 'web', '--json'],
  ...['--status-secret', 'forge', '--status-api', provider.api],
]);
if (added.code !== 0) throw new Error(added.stderr);
const webhook = added.json<WebhookAdded>();
const secret = webhook.secret ?? '';

const post = ({ body, headers }: HookCall, path = `/webhooks/github/${webhook.id}`): Promise<Answer> =>
  orca.api('POST', path, body, { ...headers, authorization: '' });
const push = (call: HookCall): Promise<Answer> => post(call);
const deliveries = async (): Promise<DeliveryView[]> =>
  (await orca.run(['webhooks', 'deliveries', webhook.id, '--json'])).json<DeliveriesReply>().deliveries;
const deliveryThat = (id: string, what: string, holds: (view: DeliveryView) => boolean) =>
  waitFor(
    `the delivery ${id} ${what}`,
    async () => {
      const found = (await deliveries()).find((one) => one.id === id);
      return found && holds(found) && found;
    },
    { timeoutMs: 90_000, everyMs: 250 },
  );
const metrics = (): Promise<Answer> =>
  request({
    ...{ host: '127.0.0.1', port: orca.apiPort, path: '/metrics', ca: readFileSync(`${orca.home}/ca.pem`) },
    headers: { authorization: `Bearer ${readFileSync(`${orca.home}/cluster.token`, 'utf8').trim()}` },
  });
const idOf = ({ body }: Answer): string => (JSON.parse(body) as { delivery: string }).delivery;
const isServed = (release: string) =>
  waitFor(
    `${release} to be served`,
    async () => (await orca.get('web.localhost')).headers['x-release'] === release,
  );
const rollouts = async (): Promise<number> =>
  (await orca.run(['history', 'web', '--json'])).json<{ rollouts: unknown[] }>().rollouts.length;
const allEnded = () =>
  waitFor(
    'all deliveries to have ended',
    async () => (await deliveries()).every(({ ended_at }) => ended_at !== null),
    { timeoutMs: 120_000, everyMs: 500 },
  );

t.test('a signed push brings the new container, and history says whose it was', async (t) => {
  await orca.run(['secrets', 'set', 'forge', 'forge-token']);
  await publish('b');
  const commit = aCommit();
  const beganMs = Date.now();
  const answer = await push(signedCall('github', secret, githubPush({ after: commit, author: 'carol' })));
  t.equal(answer.status, 202, answer.body);
  await isServed('b');
  t.comment(`from the push to the first answer: ${Date.now() - beganMs} ms`);
  const done = await deliveryThat(idOf(answer), 'to be deployed', ({ state }) => state === 'deployed');
  t.match(done, { commit, author: 'carol', ref: 'refs/heads/main', event: 'push' });
  const history = (await orca.run(['history', 'web', '--json'])).stdout;
  t.match(history, new RegExp(`carol \\(org/myapp@${commit.slice(0, 7)}\\)`));
  t.match(history, /"source": "webhook"/);
  t.match((await orca.run(['events', '--json'])).stdout, new RegExp(`carol .*${commit.slice(0, 7)}`));
  t.match((await orca.run(['webhooks'])).stdout, /org\/myapp.*web.*deployed/);
  await waitFor('the commit to be told', () => provider.told(commit).length > 1);
  t.same(provider.told(commit), ['pending', 'success']);
  t.match((await deliveries())[0]?.commit_status, { told: 'success', problem: null });
});

t.test('what is not signed with the secret is refused, and deploys nothing', async (t) => {
  const before = (await deliveries()).length;
  const call = signedCall('github', 'another secret', githubPush());
  t.equal((await push(call)).status, 401);
  t.equal((await post(call, '/webhooks/github')).status, 401);
  const { 'x-hub-signature-256': _, ...unsigned } = call.headers;
  t.equal((await push({ ...call, headers: unsigned })).status, 401);
  const changed = signedCall('github', secret, githubPush());
  t.equal((await push({ ...changed, body: `${changed.body} ` })).status, 401);
  t.equal((await deliveries()).length, before);
  t.match((await metrics()).body, /orca_webhook_refused_total\{provider="github"\} 4/);
});

t.test('the same delivery twice is one deploy', async (t) => {
  const before = await rollouts();
  const call = signedCall('github', secret, githubPush());
  const first = await push(call);
  const second = await push(call);
  t.match([first.status, second.status], [202, 200]);
  t.match(JSON.parse(second.body), { duplicate: true, delivery: idOf(first) });
  const again = signedCall('github', secret, call.body, { id: randomUUID() });
  t.match(JSON.parse((await push(again)).body), { duplicate: true }, 'the same body under another id too');
  await deliveryThat(idOf(first), 'to be deployed', ({ state }) => state === 'deployed');
  t.equal(await rollouts(), before + 1);
});

t.test('twenty pushes in a row are one deploy, of the newest', async (t) => {
  const before = await rollouts();
  await publish('c');
  const commits = Array.from({ length: 20 }, aCommit);
  const ids: string[] = [];
  for (const [at, after] of commits.entries()) {
    const from = commits[at - 1] ?? aCommit();
    ids.push(idOf(await push(signedCall('github', secret, githubPush({ after, before: from })))));
  }
  await deliveryThat(ids[19] ?? '', 'to be deployed', ({ state }) => state === 'deployed');
  await isServed('c');
  const states = new Map((await deliveries()).map((one) => [one.id, one]));
  for (const id of ids.slice(0, 19))
    t.match(states.get(id), { state: 'superseded', reason: /a newer push came/ });
  t.equal(await rollouts(), before + 1);
});

t.test('a deleted branch, another branch and a wrong payload deploy nothing, and say why', async (t) => {
  const before = await rollouts();
  const deletion = await push(signedCall('github', secret, githubDeletion()));
  t.equal(deletion.status, 202);
  t.match(JSON.parse(deletion.body).deliveries[0], { state: 'skipped', reason: /main was deleted/ });
  const other = await push(signedCall('github', secret, githubPush({ ref: 'refs/heads/dev' })));
  t.match(JSON.parse(other.body).deliveries[0], { state: 'skipped', reason: /dev is not main/ });
  const nested = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const wrong: [what: string, body: string, status: number][] = [
    ['no bytes', '', 400],
    ['deep nesting', nested, 400],
    ['deep nesting in a field', `{"commits":${nested}}`, 400],
    ['wrong types', '{"ref": 5, "commits": "many"}', 400],
    ['no JSON', 'ref=main', 400],
  ];
  for (const [what, body, status] of wrong)
    t.equal((await push(signedCall('github', secret, body))).status, status, what);
  const large = await push({
    ...signedCall('github', secret, '{}'),
    body: `{"padding":"${'x'.repeat(30 * 1024 * 1024)}"}`,
  });
  t.equal(large.status, 413);
  t.match(large.body, /larger than 25 MiB/);
  t.equal(await rollouts(), before);
});

t.test('the master killed after its answer deploys when it is back, once', async (t) => {
  const before = await rollouts();
  await publish('d');
  const answer = await push(signedCall('github', secret, githubPush()));
  t.equal(answer.status, 202);
  await killHard(orca.pid('server'));
  await orca.startServer();
  await deliveryThat(idOf(answer), 'to be deployed', ({ state }) => state === 'deployed');
  await isServed('d');
  t.equal(await rollouts(), before + 1);
});

t.test('of two hundred at once none is lost, though the master dies in the middle', async (t) => {
  const calls = Array.from({ length: 200 }, () => signedCall('github', secret, githubPush()));
  const pid = orca.pid('server');
  orca.write('steps', '0');
  orca.write('die-at', '2');
  const answers = await Promise.allSettled(calls.map(push));
  const taken = answers.flatMap((one) =>
    one.status === 'fulfilled' && one.value.status === 202 ? [idOf(one.value)] : [],
  );
  // All of them may be few commits: then it dies at the one that supersedes what waits.
  await waitFor('its death', () => !isAlive(pid));
  t.comment(`${taken.length} of 200 were answered before`);
  rmSync(join(orca.folder, 'die-at'));
  await orca.startServer();
  const again = await Promise.all(calls.map(push));
  for (const { status } of again) t.ok(status === 200 || status === 202, `answered ${status}`);
  await allEnded();
  const kept = await deliveries();
  for (const id of taken) {
    t.ok(
      kept.some((one) => one.id === id),
      `${id} is there`,
    );
    t.ok(
      again.some((one) => idOf(one) === id),
      `${id} is known again`,
    );
  }
  t.equal(new Set(again.map(idOf)).size, 200, 'each call is one delivery');
  t.equal(kept.filter(({ state }) => state === 'failed').length, 0);
});

t.test('a test says what is reachable, and a removed webhook takes nothing more', async (t) => {
  const tested = await orca.run(['webhooks', 'test', webhook.id]);
  t.equal(tested.code, 0, tested.stderr);
  t.match(tested.stdout, /^ok https:\/\/127\.0\.0\.1:\d+\/api\/v1\/webhooks\/github\/wh-.*cluster CA/);
  const other = await orca.run(['webhooks', 'add', '--repo', 'org/other', '--service', 'web', '--json']);
  const { id, secret: own } = other.json<WebhookAdded>();
  const call = signedCall('github', own ?? '', githubPush({ repo: 'org/other', ref: 'refs/heads/no' }));
  t.equal((await post(call, `/webhooks/github/${id}`)).status, 202);
  t.equal((await orca.run(['webhooks', 'rm', id])).code, 0);
  t.equal((await post(call, `/webhooks/github/${id}`)).status, 401);
});

t.test('a program with curl and openssl brings another tag of the image, as the document says', async (t) => {
  await nodeAppImage({ tag: 'orca-e2e/hooks:1.4.2', env: { RELEASE: 'tagged' } });
  const add = ['webhooks', 'add', '--repo', 'org/images', '--service', 'web', '--provider', 'generic'];
  const made = await orca.run([...add, '--image-tag', 'push_data.tag', '--json']);
  const { url, secret: own, id } = made.json<WebhookAdded>();
  const line = readFileSync(new URL('../../../docs/webhooks.md', import.meta.url), 'utf8')
    .split('```sh\n')[1]
    ?.split('```')[0]
    ?.replace('curl -fsS', 'curl -fsS --cacert "$CA"');
  t.match(line, /openssl/);
  const env = { ...process.env, URL: url, SECRET: own ?? '', CA: join(orca.home, 'ca.pem') };
  const { code, stdout, stderr } = await finished(spawn('sh', ['-c', line ?? 'false'], { env }));
  t.equal(code, 0, stderr);
  t.match(JSON.parse(stdout), { deliveries: [{ state: 'waiting' }] });
  await isServed('tagged');
  await waitFor('the result', async () =>
    /deployed/.test((await orca.run(['webhooks', 'deliveries', id])).stdout),
  );
  t.equal((await orca.service('web')).image, 'orca-e2e/hooks:1.4.2');
});

t.test('under its domain the master takes pushes through Caddy', async (t) => {
  const file = join(orca.home, 'cluster.toml');
  const domain = 'hooks.localhost';
  writeFileSync(file, readFileSync(file, 'utf8').replace('[proxy]', `domain = "${domain}"\n[proxy]`));
  t.equal((await orca.run(['reload'])).code, 0);
  const { webhooks } = (await orca.run(['webhooks', '--json'])).json<WebhooksReply>();
  const path = `/api/v1/webhooks/github/${webhook.id}`;
  t.equal(webhooks.find(({ id }) => id === webhook.id)?.url, `https://${domain}:${orca.httpsPort}${path}`);
  const { body, headers } = signedCall('github', secret, githubPush({ ref: 'refs/heads/dev' }));
  const answer = await waitFor('an answer through Caddy', async () => {
    const given = await orca.get(domain, path, { method: 'POST', body, headers });
    return given.status !== 404 && given;
  });
  t.match([answer.status, JSON.parse(answer.body)], [202, { deliveries: [{ state: 'skipped' }] }]);
  const unreachable = await orca.run(['webhooks', 'test', webhook.id]);
  t.match(unreachable, { code: 1, stdout: /^not reachable .*no answer: .*hooks\.localhost/ });
});

t.test('no secret is in what anybody sees', async (t) => {
  const all = [
    (await orca.run(['webhooks', '--json'])).stdout,
    (await orca.run(['webhooks', 'deliveries', webhook.id, '--json'])).stdout,
    (await orca.run(['events', '--json'])).stdout,
    (await orca.run(['status', '--json'])).stdout,
    orca.log(),
  ].join('\n');
  t.equal(secret.length, 43);
  t.notOk(all.includes(secret));
});
