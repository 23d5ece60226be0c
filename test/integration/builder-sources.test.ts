/** What a repository may have of others (submodules, files in Git LFS) and by which keys, and names and disks that are not as they should be. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Builder } from '../../agent/build/builder.js';
import type { BuildOrder } from '../../shared/build.js';
import { aBuilder, letIn, orders } from '../support/a-builder.js';
import { type Repository, startGitServers } from '../support/git-servers.js';

const servers = await startGitServers();
process.env.GIT_SSL_CAINFO = servers.caFile;
t.teardown(() => servers.stop());
const secrets = letIn(servers);
const anOrder = orders();
const make = (builder: Builder, order: BuildOrder) => builder.build(order, 'c', secrets, () => undefined);
const files = { Dockerfile: 'FROM scratch\n' };
const LARGE = '*.bin filter=lfs diff=lfs merge=lfs -text\n';

/** With `inner` as its submodule, which it says is to be had at `url`. */
function outerOf(name: string, inner: string, url: string): Repository {
  const outer = servers.repository(name);
  outer.commit(files);
  outer.git('submodule', 'add', '--quiet', `../${inner}.git`, 'lib');
  outer.git('config', '-f', '.gitmodules', 'submodule.lib.url', url);
  outer.commit({});
  return outer;
}

/** An `ssh` that keeps what it was asked, in the place of the one on the path. */
async function withOwnSsh(
  t: { testdir(): string },
  work: (said: () => string) => Promise<void>,
): Promise<void> {
  const bin = t.testdir();
  const said = join(bin, 'said');
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\necho "$*" >> "${said}"\nexit 255\n`);
  chmodSync(join(bin, 'ssh'), 0o755);
  const path = process.env.PATH;
  process.env.PATH = `${bin}:${path}`;
  try {
    await work(() => (existsSync(said) ? readFileSync(said, 'utf8') : ''));
  } finally {
    process.env.PATH = path;
  }
}

t.test('without a deploy key nothing is asked over ssh, which would take the keys of the host', async (t) => {
  const { builder } = aBuilder(t);
  const inner = servers.repository('inner');
  inner.commit(files);
  const outer = outerOf('outer', 'inner', inner.ssh);
  const large = servers.repository('large');
  large.commit({
    ...files,
    '.gitattributes': LARGE,
    'a.bin': servers.largeFile('of a stranger'),
    '.lfsconfig': '[lfs]\n\turl = ssh://root@127.0.0.1:9/x\n',
  });
  await withOwnSsh(t, async (said) => {
    await t.rejects(
      make(builder, anOrder(outer.https, { token: 'token' })),
      /a submodule could not be cloned: .*protocol that is not allowed/,
    );
    await t.rejects(
      make(builder, anOrder(large.https, { token: 'token' })),
      /files in Git LFS are to be had over ssh .*not allowed here: only https/,
    );
    t.equal(said(), '');
  });
});

t.test('files in Git LFS come over no other protocol than the repository', async (t) => {
  const { builder } = aBuilder(t);
  const repository = servers.repository('lfsconfig');
  const holds = (url: string) =>
    repository.commit({
      ...files,
      '.gitattributes': LARGE,
      'a.bin': servers.largeFile('of another'),
      '.lfsconfig': `[lfs]\n\turl = ${url}\n`,
    });
  for (const [url, words] of [
    [`${repository.http}/info/lfs`, /had over http \(http:.*not allowed here: only https/],
    [`file://${t.testdir()}`, /had over file .*not allowed here/],
  ] as const) {
    holds(url);
    await t.rejects(make(builder, anOrder(repository.https, { token: 'token' })), words);
  }
  const { builder: other, engine } = aBuilder(t);
  holds(`${repository.http}/info/lfs`);
  await make(other, anOrder(repository.http));
  t.ok(engine.builds.built.at(-1)?.tar.includes('of another'));
});

t.test('files of submodules that are in Git LFS are fetched too, at any depth', async (t) => {
  const { builder, engine } = aBuilder(t);
  const deep = servers.repository('deep');
  deep.commit({ ...files, '.gitattributes': LARGE, 'a.bin': servers.largeFile('deep down') });
  const middle = outerOf('middle', 'deep', '../deep.git');
  middle.commit({ '.gitattributes': LARGE, 'b.bin': servers.largeFile('half way') });
  const outer = outerOf('top', 'middle', '../middle.git');
  await make(builder, anOrder(outer.http));
  const { tar = '' } = engine.builds.built[0] ?? {};
  t.ok(tar.includes('deep down'));
  t.ok(tar.includes('half way'));
  t.notOk(tar.includes('git-lfs.github.com'), 'no pointer in its place');
});

t.test('a file whose name is not in UTF-8 is named, or left out', async (t) => {
  const { builder, engine } = aBuilder(t);
  const repository = servers.repository('latin');
  repository.commit(files);
  const work = repository.git('rev-parse', '--show-toplevel').trim();
  execFileSync('sh', ['-c', 'echo x > "$(printf "caf\\351.txt")"'], { cwd: work });
  repository.commit({});
  await t.rejects(
    make(builder, anOrder(repository.http)),
    /the name of "caf\ufffd\.txt" is not in UTF-8: rename it, or leave it out/,
  );
  repository.commit({ '.dockerignore': '*.txt\n' });
  await make(builder, anOrder(repository.http));
  t.equal(engine.builds.built.length, 1);
});

t.test('a log that can not be written costs no build, and none after it', async (t) => {
  const { builder, folder } = aBuilder(t);
  const repository = servers.repository('unlogged');
  repository.commit(files);
  writeFileSync(join(folder, 'logs'), 'in its place');
  const order = anOrder(repository.http);
  await make(builder, order);
  t.match(builder.observed(order.id), { state: 'done' });
  rmSync(join(folder, 'logs'));
  const next = anOrder(repository.http);
  await make(builder, next);
  t.match(builder.observed(next.id), { state: 'done' });
});
