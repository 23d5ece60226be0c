import dockerignore from '@balena/dockerignore';
import fc from 'fast-check';
import t from 'tap';
import { type Ignore, readIgnore } from '../../../../agent/build/ignore.js';

function read(text: string): Ignore {
  const ignore = readIgnore(text);
  if ('problem' in ignore) throw new Error(ignore.problem);
  return ignore;
}

function isIgnored(text: string, path: string): boolean {
  let place = read(text).root;
  let last = false;
  for (const name of path.split('/')) {
    const here = place.enter(name);
    last = here.isIgnored;
    place = here.below();
  }
  return last;
}

t.test('patterns fit as Docker has it', async (t) => {
  const table: [pattern: string, fits: string[], not: string[]][] = [
    ['a', ['a', 'a/b/c'], ['b/a', 'ab']],
    ['/a/', ['a', 'a/b'], ['b/a']],
    ['./a/../b', ['b'], ['a']],
    ['*.md', ['x.md', '.md', 'x.md/y'], ['a/x.md', 'x.MD']],
    ['*/*.md', ['a/x.md'], ['x.md', 'a/b/x.md']],
    ['**/*.md', ['x.md', 'a/x.md', 'a/b/x.md'], ['x.mdx']],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'b']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b/c'], ['a/xb']],
    ['a**b', ['ab', 'ax/b'], ['axb']],
    ['**', ['a', 'a/b'], []],
    ['a?c', ['abc', 'a😀c'], ['ac', 'a/c']],
    ['[a-c]x', ['bx'], ['dx', '-x']],
    ['[^a-c]x', ['dx'], ['ax']],
    ['[]-]x', [']x', '-x'], ['ax']],
    ['a\\*b', ['a*b'], ['axb']],
    ['a.+(b)|{c}$', ['a.+(b)|{c}$'], ['ab']],
    ['# no', [], ['# no']],
  ];
  for (const [pattern, fits, not] of table) {
    for (const path of fits) t.ok(isIgnored(pattern, path), `${pattern} fits ${path}`);
    for (const path of not) t.notOk(isIgnored(pattern, path), `${pattern} does not fit ${path}`);
  }
});

t.test('the last line that fits decides, and what fits a folder fits all in it', async (t) => {
  const text = '\ufefflogs\r\n!logs/kept\nlogs/kept/not\n! spaced \n';
  t.ok(isIgnored(text, 'logs/x'));
  t.notOk(isIgnored(text, 'logs/kept/x'));
  t.ok(isIgnored(text, 'logs/kept/not/x'));
  t.ok(read(text).hasExceptions);
  t.notOk(read('a').hasExceptions);
});

t.test('too much, and what is no pattern, is refused by its line', async (t) => {
  t.match(readIgnore('a\n[b'), { problem: /\[ that nothing closes in line 2/ });
  t.match(readIgnore('a\n'.repeat(3_000)), { problem: /more than 2000 lines/ });
  t.match(readIgnore('a'.repeat(70_000)), { problem: /larger than 64 KiB/ });
});

t.test('no pattern is tried one way after the other', async (t) => {
  const deep = `${'a/'.repeat(200)}y`;
  t.notOk(isIgnored(`${'**/'.repeat(300)}x`, deep));
  t.notOk(isIgnored(`${'*a'.repeat(100)}x`, 'a'.repeat(250)));
  t.ok(isIgnored(`${'**/'.repeat(300)}y`, deep));
});

t.test('it says what the port of moby says, of all small patterns and paths', async () => {
  const signs = fc.constantFrom('a', 'b', '*', '**', '?', '/', '[ab]', '.');
  const line = fc
    .tuple(fc.constantFrom('', '!'), fc.array(signs, { minLength: 1, maxLength: 6 }))
    .map(([not, all]) => `${not}${all.join('')}`)
    // `**` within a name: the port looks at fewer of the folders above than moby does now.
    .filter((one) => !/[^/!]\*\*|\*\*[^/]|\.\.|^!?\/?\.?\/?$/.test(one));
  const name = fc.stringMatching(/^[ab.]{1,3}$/).filter((one) => !/^\.+$/.test(one));
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 4 }),
      fc.array(name, { minLength: 1, maxLength: 4 }),
      (lines, names) => {
        const text = lines.join('\n');
        const theirs = dockerignore.default({ ignorecase: false }).add(text).ignores(names.join('/'));
        return isIgnored(text, names.join('/')) === theirs;
      },
    ),
    { numRuns: 3_000 },
  );
});
