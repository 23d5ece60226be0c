/** `.dockerignore`: what Docker says of it, and patterns that a backtracking matcher never ends with. */
import t from 'tap';
import { readIgnore } from '../../../../agent/build/ignore.js';

function ignored(text: string, paths: readonly string[]): string[] {
  const read = readIgnore(text);
  if (typeof read === 'string') throw new Error(read);
  return paths.filter((path) => read.isIgnored(path));
}

const paths = [
  ...['a', 'a/b', 'a/b/c.log', 'ab', 'x/a', 'x/y/a', 'x/y/a/b', 'c.log', 'a/c.log'],
  ...['README.md', 'docs/README.md', 'docs/x.md', 'temp1', 'temp-', 'd/temp1'],
];

for (const [text, wanted] of [
  ['# a comment\n\n', []],
  ['a', ['a', 'a/b', 'a/b/c.log', 'a/c.log']],
  ['/a/', ['a', 'a/b', 'a/b/c.log', 'a/c.log']],
  ['./a/../ab', ['ab']],
  ['*/a', ['x/a']],
  ['*.log', ['c.log']],
  ['*/*.log', ['a/c.log']],
  ['**/*.log', ['a/b/c.log', 'c.log', 'a/c.log']],
  ['**.log', []],
  ['**/a', ['a', 'a/b', 'a/b/c.log', 'x/a', 'x/y/a', 'x/y/a/b', 'a/c.log']],
  ['x/**', ['x/a', 'x/y/a', 'x/y/a/b']],
  ['x/**/a', ['x/a', 'x/y/a', 'x/y/a/b']],
  ['**/b/**', ['a/b/c.log']],
  ['temp?', ['temp1', 'temp-']],
  ['temp[0-9]', ['temp1']],
  ['temp[^0-9]', ['temp-']],
  ['te\\mp1', ['temp1']],
  ['**', paths],
  ['**\n!**/*.md', paths.filter((path) => !path.endsWith('.md'))],
  ['**/*.md\n!README.md', ['docs/README.md', 'docs/x.md']],
  ['!README.md\n**/*.md', ['README.md', 'docs/README.md', 'docs/x.md']],
  ['docs\n!docs/README.md', ['docs/x.md']],
] as const)
  t.test(`${JSON.stringify(text)}`, async (t) => {
    t.same(ignored(text, paths), wanted);
  });

t.test('no pattern takes longer than it and the path are long', async (t) => {
  const deep = `${'a/'.repeat(500)}b`;
  for (const pattern of [
    `${'**/'.repeat(300)}x`,
    `${'**/a/'.repeat(150)}x`,
    `${'a/**/'.repeat(150)}x`,
    `${'*'.repeat(1)}${'a*'.repeat(500)}x`,
    `${'?'.repeat(1_000)}`,
    `${'[a-z]*'.repeat(150)}x`,
  ])
    t.same(ignored(pattern, [deep, 'a'.repeat(255)]), []);
  t.same(ignored(`${'**/'.repeat(300)}b`, [deep]), [deep]);
});

t.test('what is too much is refused', async (t) => {
  t.match(readIgnore('a\n'.repeat(1_001)), /more than 1000 patterns/);
  t.match(readIgnore('a'.repeat(1_025)), /pattern of more than 1024 characters/);
  t.match(readIgnore(`${'a'.repeat(1_000)}\n`.repeat(66)), /more than 65536 characters/);
});
