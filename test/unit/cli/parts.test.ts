import { join, relative } from 'node:path';
import t from 'tap';
import { clean, cleaned } from '../../../cli/clean.js';
import { findServiceFiles } from '../../../cli/find.js';
import { localTime, since } from '../../../cli/time.js';

t.test('text of others loses its terminal escapes and keeps the rest', async (t) => {
  const cases: [string, string][] = [
    ['plain äöü 日本 \t tab\nline', 'plain äöü 日本 \t tab\nline'],
    ['\x1b[31mred\x1b[0m', 'red'],
    ['\x1b[2J\x1b[1;1Hgone', 'gone'],
    ['\x1b]0;title\x07text', 'text'],
    ['\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['\x9b31mred', 'red'],
    ['a\x07b\x08c\x00d\x7fe', 'abcde'],
    ['over\rwritten', 'overwritten'],
    ['line\r\nnext', 'line\nnext'],
    ['\u202egnp.exe', 'gnp.exe'],
    ['\x1b', ''],
  ];
  for (const [dirty, expected] of cases) t.equal(clean(dirty), expected, JSON.stringify(dirty));
  t.same(cleaned({ a: ['\x1b[1mx', 1, null], b: { c: '\x07' } }), { a: ['x', 1, null], b: { c: '' } });
});

t.test('files are found upward from here, each with its project', async (t) => {
  const root = t.testdir({
    services: {
      shop: { 'service.toml': '' },
      blog: { 'service.yml': '', 'other.toml': '' },
      empty: {},
      'file.txt': '',
    },
    src: { deep: {} },
    single: { 'service.yaml': '' },
  });
  const found = (cwd: string, path?: string): string[] =>
    findServiceFiles(join(root, cwd), path).map((file) => `${relative(root, file.path)} ${file.project}`);
  const both = ['services/blog/service.yml blog', 'services/shop/service.toml shop'];
  t.same(found('.'), both);
  t.same(found('src/deep'), both);
  t.same(found('services/shop'), both, 'inside of one project it is all of them');
  t.same(found('single'), ['single/service.yaml default']);
  t.same(found('src', '..'), both);
  t.same(found('.', 'services'), both);
  t.same(found('.', 'services/shop'), ['services/shop/service.toml shop']);
  t.same(found('.', 'services/blog/other.toml'), ['services/blog/other.toml blog']);
  t.throws(() => found('.', 'src'), { code: 'CONFIG_NOT_FOUND' });
  t.throws(() => found('.', 'nowhere'), { code: 'CONFIG_NOT_FOUND' });
  t.equal(findServiceFiles(join(root, 'src'), undefined)[0]?.shown, '../services/blog/service.yml');
});

t.test('times are shown on the local clock, and as how long ago', async (t) => {
  t.match(localTime('2026-01-31T12:00:00Z'), /^2026-0[12]-\d\d \d\d:00:00$|^2026-01-31 \d\d:\d\d:00$/);
  t.equal(localTime('never'), 'never');
  t.equal(since('2026-01-31T12:00:00Z', Date.parse('2026-01-31T12:05:10Z')), '5m 10s');
});
