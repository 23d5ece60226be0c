/** From a repository to what is served: real git over ssh and HTTPS, real builds in Docker, and everything that goes wrong with them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { BuildsReply, BuildView, DeployKeyReply } from '../../shared/api-builds.js';
import type { WebhookAdded } from '../../shared/api-webhooks.js';
import { dockerCall, dockerJson } from '../support/docker.js';
import { startGitServers } from '../support/git-servers.js';
import { githubPush, signedCall } from '../support/hook-payloads.js';
import { busyboxImage } from '../support/images.js';
import { infraPushes } from '../support/infra-pushes.js';
import { startOrca } from '../support/orca.js';
import { killHard } from '../support/processes.js';
import { waitFor } from '../support/wait-for.js';

const servers = await startGitServers();
const orca = await startOrca({ env: { GIT_SSL_CAINFO: servers.caFile } });
t.teardown(async () => {
  const filters = encodeURIComponent(JSON.stringify({ label: ['orca.build'] }));
  const images = await dockerJson<{ RepoTags: string[] | null }[]>('GET', `/images/json?filters=${filters}`);
  await orca.stop();
  for (const tag of images.flatMap(({ RepoTags }) => RepoTags ?? []))
    if (tag.startsWith('orca-build/e2e')) await dockerCall('DELETE', `/images/${tag}?force=true`);
  await servers.stop();
});
await busyboxImage({ tag: 'orca-e2e/build-base:1' });

/** Its programs run as process 1, which heeds no SIGTERM; no step of it is in a cache that an earlier run has left. */
const FROM = `FROM orca-e2e/build-base:1\nSTOPSIGNAL SIGKILL\nENV OF_RUN=${Date.now()}`;
const HTTPD = 'CMD ["/bin/busybox","httpd","-f","-p","8080","-h","/data"]';
const serves = (...lines: string[]): string => `${[FROM, ...lines, HTTPD].join('\n')}\n`;
const IN_STEP = /^step \d+\/\d+: RUN/;
const app = servers.repository('app');
const first = app.commit({ Dockerfile: serves('COPY page.txt /data/index.html'), 'page.txt': 'one' });

const toml = (name: string, repo: string, ...lines: string[]): string =>
  [
    `[[service]]\nname = "${name}"\nproject = "e2e"`,
    '[service.build]',
    `repo = "${repo}"`,
    ...lines,
    '',
  ].join('\n');
const webToml = (...lines: string[]): string =>
  toml('web', app.ssh, 'deploy_key = "$' + '{secrets.web_deploy_key}"', ...lines).replace(
    '[service.build]',
    'port = 8080\ndomain = "web.localhost"\n[service.build]',
  );
const builds = async (service?: string): Promise<BuildView[]> =>
  (await orca.run(['builds', ...(service ? [service] : []), '--json'])).json<BuildsReply>().builds;
const buildThat = (service: string, what: string, holds: (build: BuildView) => boolean): Promise<BuildView> =>
  waitFor(
    `the newest build of ${service} ${what}`,
    async () => {
      const [newest] = await builds(service);
      return newest && holds(newest) && newest;
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );
const isServed = (page: string) =>
  waitFor(`${page} to be served`, async () => (await orca.get('web.localhost')).body === page);
const served = async (): Promise<string> => (await orca.get('web.localhost')).body;
const imageCount = async (): Promise<number> => {
  const filters = encodeURIComponent(JSON.stringify({ reference: ['orca-build/e2e/web'] }));
  return (await dockerJson<unknown[]>('GET', `/images/json?filters=${filters}`)).length;
};

t.test('without its key the repository is not read, and the deploy says what to do', async (t) => {
  const missing = await orca.deploy(webToml());
  t.equal(missing.code, 2);
  t.match(
    missing.stdout + missing.stderr,
    /build\.deploy_key needs the secret "web_deploy_key", which is not set for e2e; `orca deploy-key create e2e\/web`/,
  );
  const made = await orca.run(['deploy-key', 'create', 'web', '--project', 'e2e', '--json']);
  t.equal(made.code, 0, made.stderr);
  const again = await orca.run(['deploy-key', 'create', 'web', '--project', 'e2e']);
  t.match(again, { code: 1, stderr: /has a deploy key already.*\n?.*--replace/s });
  const refused = await orca.deploy(webToml());
  t.equal(refused.code, 1);
  t.match(refused.stdout, /could not be cloned: the key was refused; give the public half/);
  const [failed] = await builds('web');
  const log = (await orca.run(['builds', 'logs', failed?.id ?? ''])).stdout;
  t.match(log, /host key .* SHA256:.* pinned/);
  servers.letIn(made.json<DeployKeyReply>().public_key);
});

t.test('a deploy builds the head of the branch and rolls it out', async (t) => {
  const { code, stdout, stderr } = await orca.deploy(webToml());
  t.equal(code, 0, stdout + stderr);
  t.match(stdout, /preparing {2}clones [0-9a-f]{12}/);
  t.equal(await served(), 'one');
  const [build] = await builds('web');
  t.match(build, { state: 'done', commit: first, author: 'Alice', subject: 'Mend the door', node: /./ });
  t.ok((build?.duration_ms ?? 0) > 0 && (build?.size_bytes ?? 0) > 1_000_000);
  const logs = await orca.run(['builds', 'logs', build?.id ?? '', '-f']);
  t.match(logs, {
    code: 0,
    stdout: /(Step|#\d+ \[) ?1\/[\s\S]*orca: built orca-build\/e2e\/web:/,
  });
  t.match(
    (await orca.run(['history', 'web'])).stdout,
    new RegExp(`orca-build/e2e/web:${first.slice(0, 12)}-`),
  );
});

t.test('the same commit is not built twice', async (t) => {
  const before = await imageCount();
  const { code, stdout } = await orca.deploy(webToml());
  t.equal(code, 0);
  t.match(stdout, /no change|nothing to change/);
  t.match(await builds('web'), [{ state: 'done', reason: /^already built/, author: 'Alice' }]);
  t.equal(await imageCount(), before);
});

t.test('a push builds exactly its commit, whatever came after', async (t) => {
  const added = (
    await orca.run(['webhooks', 'add', '--repo', 'org/app', '--service', 'web', '--json'])
  ).json<WebhookAdded>();
  const two = app.commit({ 'page.txt': 'two' });
  app.commit({ 'page.txt': 'three' });
  const call = signedCall(
    'github',
    added.secret ?? '',
    githubPush({ repo: 'org/app', after: two, before: first }),
  );
  const path = `/webhooks/github/${added.id}`;
  const answer = await orca.api('POST', path, call.body, { ...call.headers, authorization: '' });
  t.equal(answer.status, 202);
  await isServed('two');
  t.match(await builds('web'), [{ state: 'done', commit: two, by: /alice.*org\/app@/ }]);
});

t.test('a rollback has the image, and builds nothing', async (t) => {
  const before = (await builds('web')).length;
  const { code, stdout, stderr } = await orca.run(['rollback', 'web']);
  t.equal(code, 0, stdout + stderr);
  t.equal(await served(), 'one');
  t.equal((await builds('web')).length, before);
});

t.test('what can not be built fails with its reason, and what runs goes on', async (t) => {
  const broken = servers.repository('broken');
  broken.commit({
    Dockerfile: `${FROM}\nRUN ["/bin/busybox","sh","-c","echo the last words; exit 3"]\n`,
    out: { link: '/etc' },
    'Dockerfile.large': `${FROM}\nRUN ["/bin/busybox","tail","/dev/zero"]\n`,
  });
  const key = 'insecure_http = true';
  const cases: [what: string, toml: string, words: RegExp][] = [
    ['a step that fails', toml('bad', broken.http, key), /(non-zero|exit) code: 3[\s\S]*the last words/],
    [
      'a step that wants too much memory',
      toml('bad', broken.http, key, 'dockerfile = "Dockerfile.large"', 'memory = "16Mi"'),
      /137: it was killed, most likely for more memory than its 16 MiB/,
    ],
    [
      'a branch that is gone',
      toml('bad', broken.http, key, 'branch = "gone"'),
      /has no branch gone; push it/,
    ],
    [
      'a context that leads out',
      toml('bad', broken.http, key, 'context = "out"', 'dockerfile = "Dockerfile"'),
      /context out is a link that leads out of the repository/,
    ],
    ['no token', toml('bad', app.https), /could not be cloned: it wants a token/],
  ];
  for (const [what, file, words] of cases) {
    const { code, stdout, stderr } = await orca.deploy(file);
    t.equal(code, 1, `${what}: ${stdout}${stderr}`);
    t.match(stdout, words, what);
  }
  t.match(
    await builds('bad'),
    cases.map(() => ({ state: 'failed' })),
  );
  t.equal(await served(), 'one');
});

t.test('an https repository is read with its token, which nobody sees', async (t) => {
  await orca.run(['secrets', 'set', 'repo_token', '--project', 'e2e'], { stdin: servers.token });
  const sub = servers.repository('sub');
  sub.commit({ 'a.txt': 'of the submodule' });
  const whole = servers.repository('whole');
  whole.git('submodule', 'add', '--quiet', sub.https.replace(/.*\//, '../'), 'lib');
  whole.commit({
    Dockerfile: `${FROM}\nARG WHO\nCOPY . /src/\nRUN ["/bin/busybox","sh","-c","echo hello $WHO; cat /src/lib/a.txt; test ! -e /src/.git; test ! -e /src/left.txt"]\nCMD ["/bin/sleep","1000000"]\n`,
    'left.txt': 'ignored',
    '.dockerignore': 'left.txt\n',
  });
  const file = toml(
    'sub',
    whole.https,
    'token = "$' + '{secrets.repo_token}"',
    '[service.build.args]',
    'WHO = "you"',
  );
  const { code, stdout, stderr } = await orca.deploy(file);
  t.equal(code, 0, stdout + stderr);
  const [build] = await builds('sub');
  const logs = (await orca.run(['builds', 'logs', build?.id ?? ''])).stdout;
  t.match(logs, /hello you\n.*of the submodule/s);
  t.notMatch(logs + stdout + orca.log() + JSON.stringify(await builds()), servers.token);
});

t.test('a build that hangs is stopped in its time; one that is cancelled, at once', async (t) => {
  const slow = servers.repository('slow');
  slow.commit({ Dockerfile: `${FROM}\nRUN ["/bin/sleep","1000"]\n` });
  const late = await orca.deploy(toml('slow', slow.http, 'insecure_http = true', 'timeout = "3s"'));
  t.equal(late.code, 1);
  t.match(late.stdout, /was not done within 3s \(build\.timeout\), and was stopped/);
  const isInStep = (): boolean =>
    execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes('/bin/sleep 1000\n');
  await waitFor('its container to be gone', () => !isInStep());
  await orca.deploy(toml('slow', slow.http, 'insecure_http = true'), ['--detach']);
  const under = await buildThat('slow', 'to be in its step', ({ reason }) => IN_STEP.test(reason ?? ''));
  await orca.deploy(toml('next', slow.http, 'insecure_http = true'), ['--detach']);
  await buildThat('next', 'to wait', ({ reason }) => reason === '1 build before this one');
  const cancelled = await orca.run(['builds', 'cancel', under.id]);
  t.equal(cancelled.code, 0, cancelled.stderr);
  t.match(await buildThat('slow', 'to end', ({ ended_at }) => ended_at !== null), {
    state: 'cancelled',
    reason: /was cancelled by admin/,
  });
  t.match(await orca.run(['builds', 'cancel', under.id]), { code: 1, stderr: /is over/ });
  const next = await buildThat('next', 'to have its turn', ({ reason }) => IN_STEP.test(reason ?? ''));
  await orca.run(['builds', 'cancel', next.id]);
  await waitFor('their containers to be gone', () => !isInStep());
});

t.test('what prints without an end is cut, with its beginning and its last lines', async (t) => {
  const loud = servers.repository('loud');
  const print =
    'busybox yes this is a line that says nothing new | busybox head -c 40000000; echo the end; exit 1';
  loud.commit({
    Dockerfile: `${FROM}\nRUN ["/bin/busybox","sh","-c","${print.replaceAll('busybox', '/bin/busybox')}"]\n`,
  });
  const { code, stdout } = await orca.deploy(toml('loud', loud.http, 'insecure_http = true'));
  t.equal(code, 1);
  t.match(stdout, /the end/);
  const [build] = await builds('loud');
  const path = join(orca.home, 'agent/builds/logs', `${build?.id}.log`);
  const log = readFileSync(path, 'utf8');
  t.ok(log.length < 11_000_000, `${log.length} bytes`);
  // BuildKit itself keeps 2 MiB of a step, and 256 KiB of its end.
  t.ok(/(is cut here at 10 MB: of \d+ more lines|output clipped)[\s\S]*the end/.test(log));
});

t.test('master and agent killed in the middle of a build: it is made all the same', async (t) => {
  const kept = servers.repository('kept');
  const commit = kept.commit({
    Dockerfile: `${FROM}\nRUN ["/bin/sleep","3"]\nCMD ["/bin/sleep","1000000"]\n`,
  });
  await orca.deploy(toml('kept', kept.http, 'insecure_http = true'), ['--detach']);
  await buildThat('kept', 'to be in its step', ({ reason }) => IN_STEP.test(reason ?? ''));
  await killHard(orca.pid('agent'));
  await killHard(orca.pid('server'));
  await orca.startServer();
  t.match(await buildThat('kept', 'to be done', ({ ended_at }) => ended_at !== null), {
    state: 'done',
    commit,
  });
  await orca.serviceThat('kept', 'to run', ({ status }) => status === 'running');
  const left = readdirSync(join(orca.home, 'agent/builds')).filter((name) => name.startsWith('b-'));
  t.same(left, [], 'nothing of a clone is left');
});

t.test('images that no release needs are removed, and no others', async (t) => {
  const before = await imageCount();
  t.match(await orca.run(['cleanup', '--dry-run']), { code: 0, stdout: /has nothing to remove/ });
  t.equal((await orca.run(['rm', 'kept'])).code, 0);
  await waitFor('kept to be gone', async () =>
    (await orca.status()).services.every(({ name }) => name !== 'kept'),
  );
  t.match(await orca.run(['cleanup', '--dry-run']), {
    code: 0,
    stdout: /would remove orca-build\/e2e\/kept:/,
  });
  t.match(await orca.run(['cleanup']), { code: 0, stdout: /removed orca-build\/e2e\/kept:/ });
  t.match(await orca.run(['cleanup', '--dry-run']), { code: 0, stdout: /has nothing to remove/ });
  t.equal(await imageCount(), before);
  t.equal(await served(), 'one');
});

t.test('pushes to an infrastructure repository deploy what it says', (t) =>
  infraPushes(t, { orca, servers, image: 'orca-e2e/build-base:1' }),
);

t.test('another host key than the one that was pinned is not spoken to', async (t) => {
  await servers.newHostKey();
  app.commit({ 'page.txt': 'four' });
  const { code, stdout } = await orca.deploy(webToml());
  t.equal(code, 1);
  t.match(stdout, /its host key is not the one that is known/);
  t.equal(await served(), 'one');
});
