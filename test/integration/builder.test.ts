/** Builds of a node against real git servers, with an engine that builds nothing: what git and the queue have to get right. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Builder } from '../../agent/build/builder.js';
import { EngineError } from '../../agent/engine.js';
import type { BuildOrder } from '../../shared/build.js';
import { aBuilder, letIn, logOf, orders } from '../support/a-builder.js';
import { startGitServers } from '../support/git-servers.js';
import { fill, mountDisk, unmount } from '../support/small-disk.js';
import { waitFor } from '../support/wait-for.js';

const servers = await startGitServers();
process.env.GIT_SSL_CAINFO = servers.caFile;
t.teardown(() => servers.stop());
const files = { Dockerfile: 'FROM scratch\n' };
const secrets = letIn(servers);
const anOrder = orders();
const make = (builder: Builder, order: BuildOrder) => builder.build(order, 'c', secrets, () => undefined);
t.test('a commit that is no head is had over ssh, from a server that gives heads only', async (t) => {
  const { builder, engine } = aBuilder(t);
  const repository = servers.repository('history');
  const old = repository.commit({ ...files, 'a.txt': 'old' });
  for (let at = 0; at < 3; at += 1) repository.commit({ 'a.txt': `new ${at}` });
  const order = anOrder(repository.ssh, { deployKey: 'key', commit: old });
  await make(builder, order);
  t.match(builder.observed(order.id), { state: 'done', commit: old, author: 'Alice' });
  t.match(engine.builds.built[0], { tar: /old/, request: { cacheScope: 'c.shop' } });
});

t.test('a commit that was forced away is no longer built, and that is said', async (t) => {
  const { builder } = aBuilder(t);
  const repository = servers.repository('forced');
  const first = repository.commit(files);
  const gone = repository.commit({ 'a.txt': 'gone' });
  repository.forcePush(first);
  const order = anOrder(repository.ssh, { deployKey: 'key', commit: gone });
  await t.rejects(make(builder, order), /is not in branch main of .* any more; was it force-pushed\?/);
  const never = anOrder(repository.http, { commit: 'a'.repeat(40) });
  await t.rejects(make(builder, never), /is not in branch main .* any more/);
});

t.test('keys that are not let in, or are none, are named; nothing of a build is left', async (t) => {
  const { builder, folder } = aBuilder(t);
  const repository = servers.repository('keys');
  repository.commit(files);
  await t.rejects(make(builder, anOrder(repository.ssh, { deployKey: 'wrong' })), /the key was refused/);
  await t.rejects(
    make(builder, anOrder(repository.ssh, { deployKey: 'none' })),
    /the key was refused|no private key/,
  );
  await t.rejects(
    make(builder, anOrder(repository.ssh, { deployKey: 'other' })),
    /build\.deploy_key is not here/,
  );
  await t.rejects(make(builder, anOrder(repository.https)), /it wants a token/);
  const order = anOrder(repository.https, { token: 'token' });
  await make(builder, order);
  t.notMatch(await logOf(builder, order), servers.token);
  t.same(readdirSync(folder).sort(), ['known_hosts', 'logs']);
});

t.test('a repository over a protocol that was not asked for is not read, also as a submodule', async (t) => {
  const { builder } = aBuilder(t);
  const inner = servers.repository('inner');
  inner.commit(files);
  const outer = servers.repository('outer');
  outer.commit(files);
  outer.git('submodule', 'add', '--quiet', '../inner.git', 'lib');
  outer.git('config', '-f', '.gitmodules', 'submodule.lib.url', inner.ssh.replace(/^ssh:\/\/[^/]+/, ''));
  outer.commit({});
  await t.rejects(
    make(builder, anOrder(outer.http)),
    /a submodule could not be cloned: .*protocol that is not allowed/,
  );
  await t.rejects(
    make(builder, anOrder(inner.http, { insecureHttp: false })),
    /protocol that is not allowed/,
  );
});

t.test('a Dockerfile that is not there, leads out or needs BuildKit is named', async (t) => {
  const { builder } = aBuilder(t);
  const repository = servers.repository('files');
  const heredoc = 'FROM scratch\nRUN <<EOF\necho\nEOF\n';
  const link = 'FROM scratch\nCOPY --link . .\n';
  repository.commit({
    ...files,
    out: { link: '/etc' },
    mount: 'FROM a\nRUN --mount=type=cache,target=/x make\n',
    heredoc,
    link,
  });
  const refused = (dockerfile: string) => make(builder, anOrder(repository.http, { dockerfile }));
  await t.rejects(refused('no/Dockerfile'), /the Dockerfile no\/Dockerfile is not in the repository/);
  await t.rejects(refused('out/passwd'), /the Dockerfile out\/passwd is a link that leads out/);
  await t.rejects(refused('mount'), /mount uses --mount, which only BuildKit knows/);
  await t.rejects(refused('heredoc'), /heredoc uses <<EOF, which only BuildKit knows/);
  await t.rejects(refused('link'), /link uses --link, which only BuildKit knows/);
  const none = anOrder(repository.http.replace('files', 'none'));
  await t.rejects(make(builder, none), /could not be cloned: there is no such repository/);
});

t.test('no hook and no configuration of the repository runs anything', async (t) => {
  const { builder, folder } = aBuilder(t);
  const repository = servers.repository('evil');
  const flag = join(folder, 'ran');
  const text = `[core]\n\tfsmonitor = touch ${flag}\n\tsshCommand = touch ${flag}\n[filter "x"]\n\tsmudge = touch ${flag}\n`;
  repository.commit({
    ...files,
    '.gitconfig': text,
    '.gitattributes': '* filter=x\n',
    'hooks/post-checkout': `touch ${flag}`,
  });
  await make(builder, anOrder(repository.http));
  t.notOk(existsSync(flag));
});

t.test('files in Git LFS are fetched, or what is missing is said', async (t) => {
  const { builder, engine } = aBuilder(t);
  const repository = servers.repository('lfs');
  const pointer = servers.largeFile('what is large');
  repository.commit({
    ...files,
    '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
    'a.bin': pointer,
  });
  await make(builder, anOrder(repository.http));
  t.ok(engine.builds.built[0]?.tar.includes('what is large'));
  const gone = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12\n`;
  repository.commit({ 'a.bin': gone });
  await t.rejects(make(builder, anOrder(repository.http)), /a file in Git LFS could not be cloned: .*gone/);
  const path = process.env.PATH;
  const bare = t.testdir();
  for (const name of ['git', 'sh', 'ssh', 'true'])
    execFileSync('ln', ['-s', execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(bare, name)]);
  process.env.PATH = bare;
  try {
    await t.rejects(
      make(builder, anOrder(repository.http)),
      /keeps files in Git LFS, and git-lfs is not installed on this node/,
    );
  } finally {
    process.env.PATH = path;
  }
});

t.test('one at a time, the oldest first; the others say how many are before them', async (t) => {
  const { builder, engine } = aBuilder(t);
  const repository = servers.repository('queue');
  repository.commit(files);
  const inDocker: (() => void)[] = [];
  engine.builds.output = () => new Promise((resolve) => inDocker.push(() => resolve(null)));
  const go = async (): Promise<void> => (await waitFor('a build to be in Docker', () => inDocker.shift()))();
  const orders = ['one', 'two', 'three'].map((service) => anOrder(repository.http, { service }));
  const [one, two, three] = orders;
  const made = orders.map((order) => make(builder, order));
  await waitFor('the first to be in Docker', () => inDocker.length > 0);
  t.match(builder.observed(two?.id ?? ''), { state: 'queued', reason: '1 build before this one' });
  t.match(builder.observed(three?.id ?? ''), { state: 'queued', reason: '2 builds before this one' });
  builder.keep(new Set([one?.id ?? '', three?.id ?? '']));
  await t.rejects(made[1] as Promise<unknown>, /was cancelled: nothing wants it any more/);
  t.match(builder.observed(three?.id ?? ''), { reason: '1 build before this one' });
  await go();
  await made[0];
  await go();
  await made[2];
  t.same(
    engine.builds.built.map(({ request }) => request.tag.replace(/:.*/, '')),
    ['orca-build/shop/one', 'orca-build/shop/three'],
  );
});

t.test('what takes too long is stopped, also while git waits', async (t) => {
  const { builder, engine } = aBuilder(t);
  const repository = servers.repository('late');
  repository.commit(files);
  engine.builds.output = (_, __, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }));
  await t.rejects(
    make(builder, anOrder(repository.http, { timeoutMs: 1_500 })),
    /was not done within 1\.5s \(build\.timeout\)/,
  );
});

t.test('a build that fills the disk ends before all of it is gone, and leaves nothing', async (t) => {
  const { builder, engine, folder } = aBuilder(t);
  mountDisk(folder, 20_000);
  t.teardown(() => unmount(folder));
  const repository = servers.repository('fills');
  repository.commit(files);
  let giveBack = (): void => undefined;
  const fills = (disk: string) => {
    engine.builds.output = (_, __, signal) =>
      new Promise((resolve) => {
        giveBack = fill(disk);
        signal.addEventListener('abort', () => resolve(null), { once: true });
      });
  };
  fills(folder);
  await t.rejects(
    make(builder, anOrder(repository.http)),
    /the disk of .* has 0 MiB left, so that the build was stopped; free some/,
  );
  giveBack();
  const images = t.testdir();
  mountDisk(images, 20_000);
  t.teardown(() => unmount(images));
  engine.imagePlaces = async () => [images];
  fills(images);
  await t.rejects(
    make(builder, anOrder(repository.http)),
    new RegExp(`the disk of ${images} has 0 MiB left`),
    'wherever Docker has its images',
  );
  giveBack();
  t.same(
    readdirSync(folder).filter((name) => name.startsWith('b-')),
    [],
  );
  engine.builds.output = () => null;
  const again = anOrder(repository.http);
  await make(builder, again);
  t.match(builder.observed(again.id), { state: 'done' });
});

t.test('a build under which Docker goes away is tried again, but not for ever', async (t) => {
  const { builder, engine } = aBuilder(t);
  const repository = servers.repository('breaks');
  repository.commit(files);
  engine.builds.output = () => {
    throw new EngineError('down', 'Docker went away');
  };
  const order = anOrder(repository.http);
  for (let at = 1; at < 5; at += 1) {
    await t.rejects(make(builder, order), { kind: 'down', message: 'Docker went away' });
    t.match(builder.observed(order.id), { state: 'queued', reason: 'begins again: Docker went away' });
  }
  await t.rejects(make(builder, order), { kind: 'refused', message: 'Docker went away' });
  t.match(builder.observed(order.id), { state: 'failed' });
});

t.test('a gigabyte of output costs ten megabytes, and the last lines are there', async (t) => {
  const { builder, engine, folder } = aBuilder(t);
  const repository = servers.repository('loud');
  repository.commit(files);
  const line = 'x'.repeat(1_000);
  engine.builds.output = (_, onLine) => {
    for (let at = 0; at < 1_000_000; at += 1) onLine(line);
    onLine('the end');
    return 'it failed';
  };
  const before = process.memoryUsage.rss();
  const order = anOrder(repository.http);
  await t.rejects(make(builder, order), /it failed/);
  const size = statSync(join(folder, 'logs', `${order.id}.log`)).size;
  t.ok(size < 11_000_000, `${size} bytes`);
  t.comment(`${Math.round((process.memoryUsage.rss() - before) / 1e6)} MB more memory`);
  t.equal(builder.observed(order.id)?.lastLogs.at(-2), 'the end');
});
