import t from 'tap';
import { createMatcher, globProblem } from '../../../../master/plan/globs.js';

t.test('a star stays in its part of a path, two go over parts', async (t) => {
  const cases: [glob: string, path: string, is: boolean][] = [
    ['api/**', 'api/a', true],
    ['api/**', 'api/a/b/.c', true],
    ['api/**', 'apis/a', false],
    ['**/*.go', 'a/b/main.go', true],
    ['**/*.go', 'main.go', true],
    ['*.md', 'docs/a.md', false],
    ['docs/?.md', 'docs/a.md', true],
    ['/api/*', 'api/a', true],
    ['[ab]/x', 'b/x', true],
    ['Dockerfile', 'Dockerfile', true],
    ['!api/**', 'web/a', false],
    ['{a,b}', 'a', false],
    ['#a', '#a', true],
  ];
  for (const [glob, path, is] of cases) t.equal(createMatcher([glob], false)(path), is, `${glob} of ${path}`);
  t.equal(createMatcher([], false)('a'), false);
  t.equal(createMatcher(['a', 'b'], false)('b'), true);
});

t.test('what could make matching slow is refused, and what is not is quick on hostile names', async (t) => {
  for (const bad of ['', ' ', 'a\nb', 'x'.repeat(300), 'a*b*c*d', '**/a/**/b/**/c/**'])
    t.match(globProblem(bad), /must/, bad);
  for (const good of ['api/**', 'v*', '*a*', '**/a/**/b/**', '[', 'a/*/b/*/c/*'])
    t.equal(globProblem(good), null, good);
  const hostile = [
    `${'a'.repeat(255)}/${'a/'.repeat(380)}!`,
    Array.from({ length: 4 }, () => 'a'.repeat(255)).join('/'),
    'a'.repeat(100_000),
  ];
  const matches = createMatcher(['*a*x', '**/a/**/a/**/x', '**/*a*/**/*a*x'], true);
  const began = performance.now();
  t.same(hostile.map(matches), [false, false, true], 'what is too long is no evidence');
  t.ok(performance.now() - began < 1_000, `${Math.round(performance.now() - began)} ms`);
});

t.test('what was kept before it would have been refused is never matched', async (t) => {
  const slow = '*a'.repeat(20);
  t.equal(createMatcher(['b', slow], true)('a'.repeat(250)), true);
  t.equal(createMatcher([slow], false)('a'.repeat(250)), false);
});
