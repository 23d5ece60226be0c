import fc from 'fast-check';
import t from 'tap';
import { matchesPath } from '../../../proxy-config/path-match.js';

t.test('patterns match as they do in Caddy', async (t) => {
  for (const [pattern, path, matches] of [
    ['*', '/any', true],
    ['/*', '/', true],
    ['/api/*', '/api/a/b', true],
    ['/api/*', '/api', false],
    ['/api*', '/APIs', true],
    ['/exact', '/exact', true],
    ['/exact', '/exact/', false],
    ['*.php', '/a/b.php', true],
    ['*/in/*', '/a/in/b', true],
    ['/a/*/c', '/a/b/c', true],
    ['/a/*/c', '/a/b/b/c', false],
    ['/a*b*c', '/a1b2c', true],
    ['/a*b*c', '/acb', false],
    ['/ab*ba', '/aba', false],
    ['/c.d/*', '/cxd/1', false],
  ] as const)
    t.equal(matchesPath(pattern, path), matches, `${pattern} ${path}`);
});

t.test('a path is compared decoded and cleaned', async (t) => {
  for (const path of ['/%61pi/x', '//api//x', '/b/../api/./x', '/api/%zz', '/api/%ff', '/../api/x/'])
    t.ok(matchesPath('/api/*', path), path);
  t.notOk(matchesPath('/api/*', '/api/../x'));
});

t.test('no pattern makes a long path take long', async (t) => {
  const startedAtMs = performance.now();
  t.notOk(matchesPath(`/${'*a'.repeat(30)}*b`, `/${'a'.repeat(15_000)}`));
  t.ok(performance.now() - startedAtMs < 1_000);
});

t.test('whatever stands for the stars, it matches', async (t) => {
  const word = fc.stringMatching(/^[a-z]{0,3}$/);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), fc.array(word), (pieces, fill) => {
      const path = pieces.map((piece, i) => piece + (i + 1 < pieces.length ? (fill[i] ?? '') : '')).join('');
      return matchesPath(`/x${pieces.join('*')}`, `/x${path}`);
    }),
  );
  t.pass('held');
});
