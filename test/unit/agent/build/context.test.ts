import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { extract } from 'tar-stream';
import { findContext, packContext } from '../../../../agent/build/context.js';

function repository(t: { testdir(): string }, files: Record<string, string>): string {
  const folder = t.testdir();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

async function namesOf(
  folder: string,
  context = '.',
  dockerfile = 'Dockerfile',
): Promise<Record<string, string>> {
  const found = await findContext(folder, { context, dockerfile });
  const reader = extract();
  const bytes = await buffer(await packContext(found, 1_000));
  reader.end(bytes);
  const entries: Record<string, string> = {};
  for await (const entry of reader) entries[entry.header.name] = (await buffer(entry)).toString();
  return entries;
}

t.test('the context is all of its folder but .git and what is ignored', async (t) => {
  const folder = repository(t, {
    ...{ Dockerfile: 'FROM scratch', '.dockerignore': 'Dockerfile\nlogs\n!logs/kept\n*.tmp\n' },
    ...{
      'a/b.txt': 'b',
      'c.tmp': 'c',
      'logs/x': 'x',
      'logs/kept': 'kept',
      '.git/config': 'no',
      'sub/.git': 'no',
    },
  });
  const entries = await namesOf(folder);
  t.same(Object.keys(entries).sort(), ['.dockerignore', 'Dockerfile', 'a', 'a/b.txt', 'logs/kept', 'sub']);
  t.equal(entries['a/b.txt'], 'b');
});

t.test('a .dockerignore that is a link is followed in the clone, and nowhere else', async (t) => {
  const folder = repository(t, { 'api/Dockerfile': 'FROM scratch', 'api/a.txt': 'a', ignored: 'a.txt\n' });
  symlinkSync('../ignored', join(folder, 'api/.dockerignore'));
  t.notOk('a.txt' in (await namesOf(folder, 'api', 'api/Dockerfile')));
  symlinkSync('/etc/passwd', join(folder, '.dockerignore'));
  await t.rejects(namesOf(folder, '.', 'api/Dockerfile'), /\.dockerignore is a link that leads out/);
});

t.test("a Dockerfile's own list of what is left out counts in the place of the context's", async (t) => {
  const folder = repository(t, {
    ...{ 'api.Dockerfile': 'FROM scratch', Dockerfile: 'FROM scratch', 'a.txt': 'a', 'b.txt': 'b' },
    ...{ 'api.Dockerfile.dockerignore': 'a.txt\n', '.dockerignore': 'b.txt\n' },
  });
  const own = await namesOf(folder, '.', 'api.Dockerfile');
  t.same(['a.txt' in own, 'b.txt' in own], [false, true]);
  const all = await namesOf(folder);
  t.same(['a.txt' in all, 'b.txt' in all], [true, false]);
});

t.test('equal files give equal bytes, and links stay links', async (t) => {
  const folder = repository(t, { Dockerfile: 'FROM scratch', 'a.txt': 'a' });
  symlinkSync('/etc/passwd', join(folder, 'link'));
  const pack = async () =>
    buffer(await packContext(await findContext(folder, { context: '.', dockerfile: 'Dockerfile' }), 1_000));
  const [one, other] = [await pack(), await pack()];
  t.ok(one.equals(other));
  t.equal((await namesOf(folder)).link, '', 'nothing of what it leads to');
});

t.test('a Dockerfile beside the context is sent along', async (t) => {
  const folder = repository(t, { 'docker/api.Dockerfile': 'FROM scratch', 'api/main.c': 'int x;' });
  const entries = await namesOf(folder, 'api', 'docker/api.Dockerfile');
  t.same(entries, { 'main.c': 'int x;', '.orca.Dockerfile': 'FROM scratch' });
});

t.test('what is not there, or leads out of the clone, is refused by name', async (t) => {
  const folder = repository(t, { Dockerfile: 'FROM scratch', 'a.txt': 'a', '.git/x/Dockerfile': 'no' });
  symlinkSync('/etc', join(folder, 'out'));
  symlinkSync('.git/x', join(folder, 'inner'));
  const find = (context: string, dockerfile: string) => findContext(folder, { context, dockerfile });
  await t.rejects(find('no', 'Dockerfile'), /the context no is not in the repository/);
  await t.rejects(find('a.txt', 'Dockerfile'), /is no folder/);
  await t.rejects(find('out', 'Dockerfile'), /the context out is a link that leads out of the repository/);
  await t.rejects(find('.', 'out/passwd'), /the Dockerfile out\/passwd is a link that leads out/);
  await t.rejects(find('inner', 'Dockerfile'), /leads out/);
  await t.rejects(find('.', 'out'), /leads out/);
  writeFileSync(join(folder, 'large'), Buffer.alloc(1024 * 1024 + 1));
  await t.rejects(find('.', 'large'), /larger than 1 MiB/);
});

t.test('a Dockerfile is looked through without blank lines, and sent as it is', async (t) => {
  const written = `FROM scratch\n${'  \n'.repeat(1_000)}  RUN x \\\n\n  y\n`;
  const folder = repository(t, { Dockerfile: written, '.dockerignore': 'x' });
  const context = await findContext(folder, { context: '.', dockerfile: 'Dockerfile' });
  t.equal(context.text, 'FROM scratch\n  RUN x \\\n  y');
  t.equal((await namesOf(folder)).Dockerfile, written);
});

t.test('a .dockerignore that would take long is refused, or takes no longer', async (t) => {
  const ignoring = (text: string) =>
    repository(t, { Dockerfile: 'FROM scratch', '.dockerignore': text, [`${'a/'.repeat(60)}y`]: '' });
  await t.rejects(namesOf(ignoring('x\n'.repeat(40_000))), {
    message: /\.dockerignore .* larger than 64 KiB/,
  });
  await t.rejects(namesOf(ignoring('x\n'.repeat(2_500))), { message: /more than 2000 lines/ });
  await t.rejects(namesOf(ignoring('[x')), { message: /in line 1/ });
  t.match(Object.keys(await namesOf(ignoring(`${'**/'.repeat(20)}x\n`.repeat(50)))), { length: 63 });
});

t.test('nothing more is read for whoever has given up', async (t) => {
  const folder = repository(t, { Dockerfile: 'FROM scratch', 'a/b': 'b' });
  const tar = await packContext(await findContext(folder, { context: '.', dockerfile: 'Dockerfile' }), 1);
  const closed = new Promise<void>((done) => tar.on('close', () => done()));
  tar.destroy();
  await closed;
  t.ok(tar.destroyed);
});
