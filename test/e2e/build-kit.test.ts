/** Builds that want more than the classic builder: mounts, heredocs and secrets, where the node's Docker has a BuildKit for them; a clear word where not. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import type { BuildsReply, BuildView } from '../../shared/api-builds.js';
import type { WebhookAdded } from '../../shared/api-webhooks.js';
import { dockerCall, dockerJson } from '../support/docker.js';
import { startGitServers } from '../support/git-servers.js';
import { githubPush, signedCall } from '../support/hook-payloads.js';
import { busyboxImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { foundBelow } from '../support/search-bytes.js';
import { waitFor } from '../support/wait-for.js';

const servers = await startGitServers();
const orca = await startOrca();
t.teardown(async () => {
  await orca.stop();
  await servers.stop();
  const filters = encodeURIComponent(JSON.stringify({ reference: ['orca-build/kit/*'] }));
  const images = await dockerJson<{ RepoTags: string[] | null }[]>('GET', `/images/json?filters=${filters}`);
  for (const tag of images.flatMap(({ RepoTags }) => RepoTags ?? []))
    await dockerCall('DELETE', `/images/${tag}?force=true`);
});
await busyboxImage({ tag: 'orca-e2e/build-base:1' });

const { ApiVersion } = await dockerJson<{ ApiVersion: string }>('GET', '/version');
const isOld = Number(ApiVersion.split('.')[1]) < 42;
const FROM = 'FROM orca-e2e/build-base:1';
const END = 'STOPSIGNAL SIGKILL\nCMD ["/bin/sleep","1000000"]\n';
const SECRET = `hush-${process.pid}-${Date.now()}`;
const repository = servers.repository('kit');
const shell = (flags: string, words: string): string =>
  `RUN ${flags} ["/bin/busybox","sh","-c",${JSON.stringify(words.replaceAll('busybox', '/bin/busybox'))}]`;
repository.commit({
  Dockerfile: [
    FROM,
    shell(
      '--mount=type=secret,id=NPM_TOKEN --mount=type=cache,target=/cache',
      // BuildKit's cache knows nothing of the secret: this step is of this run alone.
      `echo ${process.pid} ${Date.now()}; echo it is $(busybox cat /run/secrets/NPM_TOKEN); busybox wc -c < /run/secrets/NPM_TOKEN`,
    ),
    END,
  ].join('\n'),
  heredoc: `${FROM}\nSHELL ["/bin/busybox","sh","-c"]\nRUN <<EOF\necho from a heredoc\nEOF\n${END}`,
  plain: `${FROM}\n${shell('', 'echo plain')}\n${END}`,
});
const toml = (name: string, ...lines: string[]): string =>
  [
    `[[service]]\nname = "${name}"\nproject = "kit"`,
    '[service.readiness]\ncommand = ["/bin/echo"]\ninterval_secs = 0.2',
    `[service.build]\nrepo = "${repository.http}"`,
    'insecure_http = true',
    ...lines,
    '',
  ].join('\n');
const newest = async (service: string): Promise<BuildView | undefined> =>
  (await orca.run(['builds', service, '--json'])).json<BuildsReply>().builds[0];

t.test('a build secret that is not set is named before anything begins', async (t) => {
  const { code, stdout, stderr } = await orca.deploy(toml('web', 'secrets = ["NPM_TOKEN"]'));
  t.equal(code, 2);
  t.match(stdout + stderr, /build\.secrets NPM_TOKEN needs the secret "NPM_TOKEN", which is not set/);
});

t.test('a step gets the secret; the image, the log and the files of Orca do not', async (t) => {
  await orca.run(['secrets', 'set', 'NPM_TOKEN', '--project', 'kit'], { stdin: SECRET });
  const { code, stdout, stderr } = await orca.deploy(toml('web', 'secrets = ["NPM_TOKEN"]'));
  t.equal(code, 0, stdout + stderr);
  const build = await newest('web');
  t.match(build, { state: 'done', builder: 'buildkit' });
  const log = (await orca.run(['builds', 'logs', build?.id ?? ''])).stdout;
  t.match(log, new RegExp(`it is \\*\\*\\*[\\s\\S]*${SECRET.length}$`, 'm'));
  const seen = [log, stdout, orca.log(), JSON.stringify(build)];
  for (const path of ['history', 'json', 'get'])
    seen.push((await dockerCall('GET', `/images/${build?.image}/${path}`)).text);
  t.notMatch(seen.join('\n'), SECRET);
  t.same(foundBelow(orca.home, [SECRET]), [], 'it is in no file');
});

t.test('a heredoc is built by a current Docker, and named on an old one', async (t) => {
  const { code, stdout, stderr } = await orca.deploy(toml('here', 'dockerfile = "heredoc"'));
  if (isOld) {
    t.equal(code, 1);
    t.match(stdout, /heredoc uses <<EOF, which only a newer BuildKit knows, .*Docker 20\.10/);
    return;
  }
  t.equal(code, 0, stdout + stderr);
  const build = await newest('here');
  t.match((await orca.run(['builds', 'logs', build?.id ?? ''])).stdout, /from a heredoc/);
});

t.test('what needs no BuildKit is built with the classic builder of an old Docker', async (t) => {
  const { code, stdout, stderr } = await orca.deploy(toml('plain', 'dockerfile = "plain"'));
  t.equal(code, 0, stdout + stderr);
  t.match(await newest('plain'), { builder: isOld ? 'classic' : 'buildkit' });
});

t.test('a newer push ends the build that is under way, and is built itself', async (t) => {
  const pushed = servers.repository('pushed');
  const slow = pushed.commit({ Dockerfile: `${FROM}\nRUN ["/bin/sleep","1001"]\n${END}` });
  const file = toml('pushed').replace(repository.http, pushed.http);
  t.equal((await orca.deploy(file, ['--detach'])).code, 0);
  const stateOf = (commit: string) => async () => {
    const { builds } = (await orca.run(['builds', 'pushed', '--json'])).json<BuildsReply>();
    return builds.find((one) => one.commit === commit);
  };
  await waitFor('the first to be in its step', async () =>
    /^step \d\/\d: RUN/.test((await stateOf(slow)())?.reason ?? ''),
  );
  const hook = ['webhooks', 'add', '--repo', 'org/pushed', '--service', 'pushed', '--json'];
  const added = (await orca.run(hook)).json<WebhookAdded>();
  const next = pushed.commit({ Dockerfile: `${FROM}\nRUN ["/bin/echo","next"]\n${END}` });
  const payload = githubPush({ repo: 'org/pushed', after: next, before: slow });
  const call = signedCall('github', added.secret ?? '', payload);
  const headers = { ...call.headers, authorization: '' };
  t.equal((await orca.api('POST', `/webhooks/github/${added.id}`, call.body, headers)).status, 202);
  const built = async () => (await stateOf(next)())?.state === 'done';
  await waitFor('the pushed one to be built', built, { timeoutMs: 60_000, everyMs: 200 });
  t.match(await stateOf(slow)(), { state: 'cancelled', reason: /./ });
  const steps = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  t.notMatch(steps, /\/bin\/sleep 1001$/m, 'its step has ended');
});

t.test('a platform that no node is of: the deploy says so, and builds nothing', async (t) => {
  const foreign = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
  const file = toml('other', 'dockerfile = "plain"', `platform = "${foreign}"`);
  const { code, stdout } = await orca.deploy(file, ['--timeout', '3s']);
  t.equal(code, 1, stdout);
  t.match(stdout, new RegExp(`not ${foreign}`));
});
