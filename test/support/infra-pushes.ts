/** Pushes to an infrastructure repository, on a cluster that is up: what it says is served, and nothing else than what it says is changed. */
import type { Test } from 'tap';
import { makeKey } from '../../master/control/deploy-keys.js';
import type { DeliveriesReply, DeliveryView, WebhookAdded } from '../../shared/api-webhooks.js';
import type { GitServers, Repository } from './git-servers.js';
import { githubPush, signedCall } from './hook-payloads.js';
import type { startOrca } from './orca.js';
import { killHard } from './processes.js';
import { waitFor } from './wait-for.js';

interface Place {
  orca: Awaited<ReturnType<typeof startOrca>>;
  servers: GitServers;
  /** It has /bin/busybox. */
  image: string;
}

export async function infraPushes(t: Test, { orca, servers, image }: Place): Promise<void> {
  const key = makeKey('infra');
  servers.letIn(key.publicKey);
  await orca.run(['secrets', 'set', 'infra_key'], { stdin: key.privateKey });
  const repository = servers.repository('org/infra');
  const serves = (name: string, page: string, ...lines: string[]): string =>
    [
      `[[service]]\nname = "${name}"\nimage = "${image}"\npull = "never"`,
      `port = 8080\ndomain = "${name}.localhost"`,
      `entrypoint = ["/bin/busybox", "sh", "-c"]`,
      `command = ["/bin/busybox mkdir -p /www && /bin/busybox echo ${page} > /www/index.html && exec /bin/busybox httpd -f -p 8080 -h /www"]`,
      ...lines,
      '[service.deploy]\nstop_grace_secs = 1\ndrain_timeout_secs = 1\n',
    ].join('\n');
  const isServed = (name: string, page: string) =>
    waitFor(
      `${page} to be served by ${name}`,
      async () => (await orca.get(`${name}.localhost`)).body.trim() === page,
    );
  const add = async (...more: string[]): Promise<WebhookAdded> => {
    const made = await orca.run(['webhooks', 'add', '--infra', '--provider', 'github', ...more, '--json']);
    if (made.code !== 0) throw new Error(made.stderr);
    return made.json<WebhookAdded>();
  };
  /** As a provider calls; what is pushed besides must not matter. */
  const call = async (webhook: WebhookAdded, after: string): Promise<string> => {
    const { body, headers } = signedCall(
      'github',
      webhook.secret ?? '',
      githubPush({ repo: 'org/infra', after }),
    );
    const answer = await orca.api('POST', `/webhooks/github/${webhook.id}`, body, {
      ...headers,
      authorization: '',
    });
    t.equal(answer.status, 202, answer.body);
    return (JSON.parse(answer.body) as { delivery: string }).delivery;
  };
  const push = (webhook: WebhookAdded, files: Parameters<Repository['commit']>[0]) =>
    call(webhook, repository.commit(files));
  const ended = (webhook: WebhookAdded, id: string): Promise<DeliveryView> =>
    waitFor(
      `the push ${id} to end`,
      async () => {
        const reply = await orca.run(['webhooks', 'deliveries', webhook.id, '--json']);
        const found = reply.json<DeliveriesReply>().deliveries.find((one) => one.id === id);
        return found?.ended_at != null && found;
      },
      { timeoutMs: 90_000, everyMs: 250 },
    );

  const first = await add('--repo', repository.ssh, '--deploy-key', 'infra_key');
  const begunMs = Date.now();
  const one = await push(first, {
    'services/left/service.toml': serves('left', 'left-1'),
    'services/right/service.toml': `${serves('right', 'right-1')}\n${serves('beside', 'beside-1')}`,
    'README.md': 'not a service',
  });
  t.match(await ended(first, one), {
    state: 'deployed',
    reason: 'deployed left/left, right/right, right/beside',
    infra: { services: [{ change: 'create' }, { change: 'create' }, { change: 'create' }], gone: [] },
  });
  for (const name of ['left', 'right', 'beside']) await isServed(name, `${name}-1`);
  t.comment(`from the push to three services that answer: ${Date.now() - begunMs} ms`);
  t.match((await orca.run(['history', 'left', '--json'])).stdout, /alice \([\w/.-]+infra@[0-9a-f]{7}\)/);

  const bad = await push(first, {
    'services/left/service.toml': serves('left', 'left-2'),
    'services/right/service.toml': serves('right', 'right-1', 'replcas = 2'),
  });
  t.match(await ended(first, bad), {
    state: 'failed',
    reason: /services\/right\/service\.toml:\d+.*replcas.*did you mean.*replicas/,
  });
  await isServed('left', 'left-1');
  t.match((await orca.run(['webhooks'])).stdout, /infra .*service\.toml… .*failed: services\/right/);

  const mended = await push(first, {
    'services/left/service.toml': serves('left', 'left-2'),
    'services/right/service.toml': serves('right', 'right-1'),
  });
  t.match(await ended(first, mended), {
    state: 'deployed',
    reason: 'deployed left/left; 1 unchanged; no longer in the repository and left alone: right/beside',
  });
  await isServed('left', 'left-2');
  await isServed('beside', 'beside-1');
  const byHand = await orca.deploy(
    serves('left', 'left-3').replace('[service.deploy]', 'project = "left"\n[service.deploy]'),
  );
  t.match(byHand, { code: 0, stderr: /left is managed by the webhook .*the next push brings back/ });
  await isServed('left', 'left-3');

  // Another webhook of the same repository, which prunes: what the first one left is not its business, until it has deployed it.
  t.equal((await orca.run(['webhooks', 'rm', first.id])).code, 0);
  const second = await add('--repo', repository.http, '--insecure-http', '--prune');
  const taken = await push(second, {
    'services/right/service.toml': `${serves('right', 'right-1')}\n${serves('beside', 'beside-2')}`,
  });
  t.match(await ended(second, taken), { state: 'deployed', reason: /deployed left\/left, right\/beside/ });
  await isServed('left', 'left-2');
  const pruned = await push(second, { 'services/right/service.toml': null });
  await waitFor('the push to be read or rolled out', async () =>
    /reads|deploys|removed/.test((await orca.run(['webhooks', 'deliveries', second.id])).stdout),
  );
  await killHard(orca.pid('server'));
  await orca.startServer();
  t.match(await ended(second, pruned), {
    state: 'deployed',
    reason: '1 unchanged; removed right/beside, right/right',
    infra: { is_pruned: true },
  });
  await waitFor('what was removed to be gone', async () =>
    (await orca.status()).services.every(({ name }) => !['right', 'beside'].includes(name)),
  );
  await isServed('left', 'left-2');
}
