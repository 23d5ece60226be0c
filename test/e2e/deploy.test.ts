/** The main job, as a user does it: from a file to an HTTPS answer, and from one release to the next. */
import http from 'node:http';
import t from 'tap';
import type { HistoryReply } from '../../shared/api.js';
import { dockerCall, dockerJson, filters } from '../support/docker.js';
import { nodeAppImage } from '../support/images.js';
import { anyName, startOrca } from '../support/orca.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const orca = await startOrca();
t.teardown(() => orca.stop());
for (const release of ['v1', 'v2']) {
  await nodeAppImage({ tag: `orca-e2e/web:${release}`, env: { RELEASE: release } });
}
const web = (more: Partial<Parameters<typeof serviceToml>[0]> = {}) =>
  serviceToml({ name: 'web', image: 'orca-e2e/web:v1', domain: 'web.localhost', replicas: 2, ...more });
const settled = (copies: number) =>
  orca.serviceThat(
    'web',
    `to have exactly ${copies}`,
    (seen) => seen.running_replicas === copies && seen.allocations.length === copies,
  );
const containerIds = async () =>
  (await orca.containers({ 'orca.service': 'web' })).map(({ Id }) => Id).sort();

t.test('a file becomes containers behind HTTPS', async (t) => {
  const result = await orca.deploy(web());
  t.equal(result.code, 0, result.stdout + result.stderr);
  const answer = await orca.get('web.localhost');
  t.equal(answer.status, 200);
  t.equal(answer.body, 'hello from v1\n');
  t.equal((await containerIds()).length, 2);
  t.match(await orca.service('web'), {
    status: 'running',
    reason: null,
    release: 'v1',
    running_replicas: 2,
    groups: { stable: { release: 'v1', weight: 100, ready: 2, wanted: 2 }, canary: null },
  });
});

t.test('plain HTTP is sent to HTTPS', async (t) => {
  const answer = await plainGet(orca.httpPort, 'web.localhost', '/a?b=c');
  t.match(String(answer.status), /^30[18]$/);
  t.equal(answer.location, `https://web.localhost:${orca.httpsPort}/a?b=c`);
});

t.test('the same file again changes nothing, and says so', async (t) => {
  const before = await containerIds();
  const result = await orca.deploy(web());
  t.equal(result.code, 0, result.stderr);
  t.match(result.stdout, /nothing|unchanged|no change/i);
  t.same(await containerIds(), before);
  t.equal((await orca.service('web')).release, 'v1');
});

t.test('a dry run and a diff show what would change, and change nothing', async (t) => {
  const before = await containerIds();
  orca.write('services/default/service.toml', web({ image: 'orca-e2e/web:v2' }));
  for (const args of [['deploy', '--dry-run'], ['diff']]) {
    const { stdout, stderr } = await orca.run(args);
    t.match(stdout + stderr, /orca-e2e\/web:v1.*orca-e2e\/web:v2/);
  }
  t.same(await containerIds(), before);
});

t.test('another image is another release', async (t) => {
  const result = await orca.deploy(web({ image: 'orca-e2e/web:v2' }));
  t.equal(result.code, 0, result.stdout + result.stderr);
  t.equal((await orca.get('web.localhost')).headers['x-release'], 'v2');
  t.match(await settled(2), { status: 'running', release: 'v2' });
  t.equal((await containerIds()).length, 2);
});

t.test('a domain and the number of replicas change without another release', async (t) => {
  const before = await containerIds();
  const lines = ['domains = ["web.localhost", "www.localhost"]'];
  const toml = serviceToml({ name: 'web', image: 'orca-e2e/web:v2', replicas: 3, lines });
  const result = await orca.deploy(toml);
  t.equal(result.code, 0, result.stdout + result.stderr);
  t.equal((await settled(3)).release, 'v2');
  const after = await containerIds();
  t.ok(
    before.every((id) => after.includes(id)),
    'those that ran go on',
  );
  await waitFor('the new name', async () => (await orca.get('www.localhost')).status === 200);
});

t.test('history knows both, and a rollback brings the first back under its number', async (t) => {
  const history = (await orca.run(['history', 'web', '--json'])).json<HistoryReply>();
  t.match(history.releases.map(({ release }) => release).sort(), ['v1', 'v2']);
  const result = await orca.run(['rollback', 'web']);
  t.equal(result.code, 0, result.stdout + result.stderr);
  t.equal((await orca.get('web.localhost')).headers['x-release'], 'v1');
  t.match(await orca.service('web'), { release: 'v1', running_replicas: 3 });
  const again = await orca.run(['rollback', 'web', '--to', 'v1']);
  t.equal(again.code, 0, 'what runs already is a no-op');
  t.equal((await orca.run(['rollback', 'web', '--to', 'v9'])).code, 1);
});

t.test('the image of a kept release survives its tag and a prune', async (t) => {
  await dockerCall('DELETE', '/images/orca-e2e/web:v2?force=true');
  await dockerJson('POST', `/images/prune?filters=${filters({ dangling: ['true'] })}`);
  const result = await orca.run(['rollback', 'web', '--to', 'v2']);
  t.equal(result.code, 0, result.stdout + result.stderr);
  t.equal((await orca.get('web.localhost')).headers['x-release'], 'v2');
  await nodeAppImage({ tag: 'orca-e2e/web:v2', env: { RELEASE: 'v2' } });
});

t.test('scale removes copies', async (t) => {
  t.equal((await orca.run(['scale', 'web', '1'])).code, 0);
  await settled(1);
  t.equal((await containerIds()).length, 1);
});

t.test('stop keeps the configuration, start brings it back', async (t) => {
  t.equal((await orca.run(['stop', 'web'])).code, 0);
  await orca.serviceThat(
    'web',
    'to be stopped',
    (seen) => seen.status === 'stopped' && seen.allocations.length === 0,
  );
  const answer = await orca.get('web.localhost');
  t.equal(answer.status, 503);
  t.ok(answer.headers['retry-after']);
  t.equal((await orca.run(['start', 'web'])).code, 0);
  await orca.serviceThat('web', 'to run', (seen) => seen.status === 'running');
  t.equal((await orca.get('web.localhost')).status, 200);
});

t.test('redeploy makes new containers of the same file', async (t) => {
  // It pulls again, and there is no registry: so the policy must say never.
  const toml = web({ image: 'orca-e2e/web:v2', lines: ['pull = "never"'] });
  t.equal((await orca.deploy(toml)).code, 0);
  await settled(2);
  const before = await containerIds();
  const result = await orca.run(['redeploy', 'web']);
  t.equal(result.code, 0, result.stdout + result.stderr);
  await settled(2);
  t.notOk((await containerIds()).some((id) => before.includes(id)));
});

t.test('logs and events show what happened', async (t) => {
  await orca.get('web.localhost', '/log?line=a-line-of-mine');
  await waitFor('the line', async () => (await orca.run(['logs', 'web'])).stdout.includes('a-line-of-mine'));
  const tail = await orca.run(['logs', 'web', '--tail', '1']);
  t.equal(tail.stdout.trim().split('\n').length, 1);
  t.match((await orca.run(['events'])).stdout, /web/);
});

t.test('rm removes the service and its containers', async (t) => {
  t.equal((await orca.run(['rm', 'web'])).code, 0);
  await waitFor('no container', async () => (await containerIds()).length === 0);
  await waitFor(
    'the name to be unknown',
    async () => (await orca.get('web.localhost', '/', anyName)).status === 404,
  );
  t.same((await orca.status()).services, []);
});

t.test('two services exchange their domains in one deploy: each is answered at every moment', async (t) => {
  const both = (one: string, two: string, deploy: string[] = []) =>
    serviceToml(
      { name: 'one', image: 'orca-e2e/web:v1', domain: one },
      { name: 'two', image: 'orca-e2e/web:v2', domain: two, env: { DEPLOYS: String(deploy.length) }, deploy },
    );
  t.equal((await orca.deploy(both('a.localhost', 'b.localhost'))).code, 0);
  const seen = new Set<string>();
  let isOver = false;
  const asks = ['a.localhost', 'b.localhost'].map(async (domain) => {
    while (!isOver) {
      const answer = await orca.get(domain).catch((error: Error) => ({ status: error.message, headers: {} }));
      seen.add(`${answer.status} ${(answer.headers as Record<string, unknown>)['x-release']}`);
    }
  });
  const slow = ['pre_deploy = ["/bin/node", "-e", "setTimeout(() => {}, 2000)"]'];
  t.equal((await orca.deploy(both('b.localhost', 'a.localhost', slow))).code, 0);
  await waitFor('both to have moved', async () => {
    const answers = await Promise.all([orca.get('a.localhost'), orca.get('b.localhost')]);
    return answers.map(({ headers }) => headers['x-release']).join() === 'v2,v1';
  });
  isOver = true;
  await Promise.all(asks);
  t.same([...seen].sort(), ['200 v1', '200 v2']);
});

function plainGet(
  port: number,
  host: string,
  path: string,
): Promise<{ status: number; location: string | null }> {
  return new Promise((resolve, reject) => {
    const request = http.get({ port, path, headers: { host }, agent: false }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? null });
    });
    request.on('error', reject);
  });
}
