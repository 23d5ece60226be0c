/** From a pull request to its own address: real git, real builds in Docker, real signed calls, and the master killed in between. */
import t from 'tap';
import type { DeliveriesReply, DeliveryView, WebhookAdded } from '../../shared/api-webhooks.js';
import type { Provider } from '../../shared/webhook.js';
import { dockerCall, dockerJson } from '../support/docker.js';
import { startGitServers } from '../support/git-servers.js';
import { signedCall } from '../support/hook-payloads.js';
import { busyboxImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { killHard } from '../support/processes.js';
import { giteaPull, githubPull, gitlabMerge, type PullOptions } from '../support/pull-payloads.js';
import { startStatusProvider } from '../support/status-provider.js';
import { waitFor } from '../support/wait-for.js';

const servers = await startGitServers();
const provider = await startStatusProvider('forge-token');
const orca = await startOrca();
t.teardown(async () => {
  const filters = encodeURIComponent(JSON.stringify({ label: ['orca.build'] }));
  const images = await dockerJson<{ RepoTags: string[] | null }[]>('GET', `/images/json?filters=${filters}`);
  await orca.stop();
  for (const tag of images.flatMap(({ RepoTags }) => RepoTags ?? []))
    if (tag.startsWith('orca-build/previews')) await dockerCall('DELETE', `/images/${tag}?force=true`);
  for (const { Name } of await volumes()) await dockerCall('DELETE', `/volumes/${Name}`);
  await provider.stop();
  await servers.stop();
});
const volumes = async (): Promise<{ Name: string }[]> => {
  const all = await dockerJson<{ Volumes: { Name: string }[] | null }>('GET', '/volumes');
  return (all.Volumes ?? []).filter(({ Name }) => Name.startsWith('previews_'));
};
const volumeNames = async (): Promise<string[]> => (await volumes()).map(({ Name }) => Name).sort();

await busyboxImage({ tag: 'orca-e2e/preview-base:1' });
const app = servers.repository('app');
const dockerfile = [
  'FROM orca-e2e/preview-base:1',
  'STOPSIGNAL SIGKILL',
  'COPY page.txt /data/index.html',
  'CMD ["/bin/busybox","httpd","-f","-p","8080","-h","/data"]\n',
].join('\n');
app.commit({ Dockerfile: dockerfile, 'page.txt': 'main' });
const web = (...lines: string[]): string =>
  [
    '[[service]]\nname = "web"\nproject = "previews"\nport = 8080\ndomain = "web.localhost"',
    'aliases = ["backend"]\nvolumes = [{ name = "kept", path = "/kept" }]',
    ...lines,
    `[service.build]\nrepo = "${app.http}"\ninsecure_http = true\n`,
  ].join('\n');
const deployed = await orca.deploy(web());
if (deployed.code !== 0) throw new Error(deployed.stdout + deployed.stderr);
await orca.run(['secrets', 'set', 'forge', 'forge-token']);

const add = async (...more: string[]) =>
  await orca.run([
    ...['webhooks', 'add', '--repo', 'org/app', '--service', 'web', '--preview', '--json'],
    ...['--status-secret', 'forge', '--status-api', provider.api, ...more],
  ]);
const added = await add('--preview-limit', '1');
if (added.code !== 0) throw new Error(added.stderr);
let webhook = added.json<WebhookAdded>();

/** How a provider calls of pull requests. */
interface Form {
  provider: Provider;
  event: string;
  payload: (options: PullOptions) => object;
}
const github: Form = { provider: 'github', event: 'pull_request', payload: githubPull };
const call = async (options: PullOptions, form = github, { id, secret } = webhook): Promise<string> => {
  const { provider, event } = form;
  const payload = form.payload({ repo: 'org/app', ...options });
  const { body, headers } = signedCall(provider, secret ?? '', payload, { event });
  const whole = { ...headers, authorization: '' };
  const answer = await orca.api('POST', `/webhooks/${provider}/${id}`, body, whole);
  if (answer.status !== 202) throw new Error(answer.body);
  return (JSON.parse(answer.body) as { delivery: string }).delivery;
};
const deliveryThat = (id: string, state: DeliveryView['state'], of = webhook): Promise<DeliveryView> =>
  waitFor(
    `the delivery ${id} to be ${state}`,
    async () => {
      const all = await orca.run(['webhooks', 'deliveries', of.id, '--json']);
      const found = all.json<DeliveriesReply>().deliveries.find((one) => one.id === id);
      return found?.state === state && found;
    },
    { timeoutMs: 90_000, everyMs: 250 },
  );
const shows = (page: string, of = 'web') =>
  waitFor(
    `pr-12 of ${of} to show ${page}`,
    async () => {
      const answer = await orca.get(`pr-12.${of}.localhost`).catch(() => null);
      return answer?.status === 200 && answer.body === page;
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );
const isGone = (name: string) =>
  waitFor(
    `${name} to be gone`,
    async () => (await orca.status()).services.every((service) => service.name !== name),
    { timeoutMs: 60_000 },
  );
const pushed = (page: string): string => app.commit({ 'page.txt': page }, { branch: 'feature' });

t.test('a pull request is served at its own address, beside its service', async (t) => {
  const head = pushed('one');
  const id = await call({ head, author: 'carol' });
  await shows('one');
  t.match(await deliveryThat(id, 'deployed'), {
    service: 'web-pr-12',
    commit: head,
    pull: { number: 12, action: 'update', fork: false },
  });
  t.equal((await orca.get('web.localhost')).body, 'main');
  const { services } = await orca.status();
  t.match(
    services.find(({ name }) => name === 'web-pr-12'),
    { preview: { of: 'web', repo: 'org/app', number: 12, commit: head }, replicas: 1, status: 'running' },
  );
  t.match((await orca.run(['status'])).stdout, /web-pr-12 .*preview of web, org\/app#12/);
  t.match((await orca.run(['status', 'web-pr-12'])).stdout, /preview +preview of web for org\/app#12 at/);
  t.match((await orca.run(['webhooks'])).stdout, /previews \(1 of 1\)/);
  t.match((await orca.run(['webhooks', 'deliveries', webhook.id])).stdout, /#12 push .*carol/);
  t.match((await orca.run(['history', 'web-pr-12', '--json'])).stdout, /carol \(org\/app#12@/);
  await waitFor('the commit to be told', () => provider.told(head).length > 1);
  t.same(provider.told(head), ['pending', 'success']);
  t.equal(provider.link(head), 'https://pr-12.web.localhost/');
  t.same(await volumeNames(), ['previews_web-pr-12_kept', 'previews_web_kept']);
});

t.test('a push updates it, though the master is killed in between', async (t) => {
  const head = pushed('two');
  const id = await call({ head, action: 'synchronize', updatedAt: '2026-01-31T13:00:00Z' });
  await killHard(orca.pid('server'));
  await orca.startServer();
  await shows('two');
  t.match(await deliveryThat(id, 'deployed'), { commit: head });
});

t.test('a fork, one too many, and a name that a preview has are refused', async (t) => {
  const fork = await call({ number: 13, headRepo: 'eve/app' });
  t.match(await deliveryThat(fork, 'skipped'), { reason: /of a fork, of which nothing is built or run/ });
  const more = await call({ number: 14 });
  t.match(await deliveryThat(more, 'skipped'), { reason: /as many as its --preview-limit allows/ });
  const file = web().replace('name = "web"', 'name = "web-pr-12"').replaceAll('web.localhost', 'x.localhost');
  t.match(await orca.deploy(file), { code: 1, stderr: /is the preview of previews\/web for org\/app#12/ });
  const second = await orca.run(['webhooks', 'add', '--repo', 'org/app', '--service', 'web-pr-12']);
  t.match(second, { code: 1, stderr: /is a preview, and follows its pull request/ });
  t.equal((await orca.status()).services.length, 2);
});

t.test('a secret that is not for previews stops an update, and what runs goes on', async (t) => {
  await orca.run(['secrets', 'set', 'door', 'oak', '--project', 'previews']);
  const file = web('env = { DOOR = "$' + '{secrets.door}" }');
  t.equal((await orca.deploy(file)).code, 0);
  const three = pushed('three');
  const refused = await call({ head: three, action: 'synchronize', updatedAt: '2026-01-31T14:00:00Z' });
  const { reason } = await deliveryThat(refused, 'failed');
  t.match(reason, /env\.DOOR needs the secret "door", which is not set for previews/);
  await shows('two');
  const marked = await orca.run(['secrets', 'set', 'door', 'oak', '--project', 'previews', '--preview']);
  t.equal(marked.code, 0, marked.stderr);
  t.match((await orca.run(['secrets', 'list'])).stdout, /door +previews .* yes/);
  t.equal((await orca.run(['webhooks', 'redeliver', refused])).code, 0);
  await shows('three');
});

t.test('closing takes it away, with its volume and nothing of its service', async (t) => {
  const id = await call({ action: 'closed', updatedAt: '2026-01-31T15:00:00Z' });
  await deliveryThat(id, 'removed');
  await isGone('web-pr-12');
  await waitFor('its volume to go', async () => (await volumeNames()).join() === 'previews_web_kept');
  t.equal((await orca.get('web.localhost')).body, 'main');
  t.match(
    (await orca.run(['events'])).stdout,
    /the preview previews\/web-pr-12 is removed: pull request 12 is closed/,
  );
});

t.test('without a push it goes after its time', async (t) => {
  t.equal((await orca.run(['webhooks', 'rm', webhook.id])).code, 0);
  const again = await add('--preview-ttl', '3s');
  webhook = again.json<WebhookAdded>();
  await call({ head: pushed('four') });
  await waitFor('it to be made', async () => (await orca.status()).services.length === 2, {
    timeoutMs: 60_000,
  });
  await isGone('web-pr-12');
  t.match((await orca.run(['events'])).stdout, /nothing was pushed to pull request 12 for 3s/);
});

t.test('Gitea and GitLab bring, update and end previews with calls of their own', async (t) => {
  const forms: (Form & { end: string })[] = [
    { provider: 'gitea', event: 'pull_request', payload: giteaPull, end: 'closed' },
    { provider: 'gitlab', event: 'Merge Request Hook', payload: gitlabMerge, end: 'merge' },
  ];
  const built = `[service.build]\nrepo = "${app.http}"\ninsecure_http = true\n`;
  const file = forms.map(
    ({ provider: name }) =>
      `[[service]]\nname = "${name}"\nproject = "previews"\nport = 8080\ndomain = "${name}.localhost"\n${built}`,
  );
  await orca.deployed(file.join('\n'));
  const [one, two] = [pushed('one'), pushed('two')];
  await Promise.all(
    forms.map(async (form) => {
      const { provider: name, event, end } = form;
      const made = await orca.run([
        ...['webhooks', 'add', '--repo', 'org/app', '--service', name, '--provider', name],
        ...['--preview', '--json'],
      ]);
      t.equal(made.code, 0, made.stderr);
      const own = made.json<WebhookAdded>();
      const opened = await call({ head: one }, form, own);
      await shows('one', name);
      const service = `${name}-pr-12`;
      t.match(await deliveryThat(opened, 'deployed', own), { service, event, commit: one, author: 'alice' });
      const update = { head: two, action: 'synchronize', updatedAt: '2026-01-31T13:00:00Z' };
      const updated = await call(update, form, own);
      await shows('two', name);
      t.match(await deliveryThat(updated, 'deployed', own), { service, commit: two });
      const over = { head: two, action: end, updatedAt: '2026-01-31T14:00:00Z' };
      await deliveryThat(await call(over, form, own), 'removed', own);
      await isGone(service);
      t.equal((await orca.get(`${name}.localhost`)).status, 200, 'its service stays');
      await waitFor(
        'its address to be gone',
        async () => (await orca.get(`pr-12.${name}.localhost`).catch(() => null))?.status !== 200,
      );
    }),
  );
});
