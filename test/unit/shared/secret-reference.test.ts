import fc from 'fast-check';
import t from 'tap';
import {
  expand,
  keyOfValue,
  namesIn,
  namesOf,
  referenceProblem,
  secretKey,
  secretNameProblem,
  secretWords,
  valueId,
} from '../../../shared/secret-reference.js';

const reference = (name: string): string => `$${`{secrets.${name}}`}`;

t.test('references are found wherever they stand, and text around them stays', async (t) => {
  const template = `a ${reference('one')}:${reference('two')}@${reference('one')} b`;
  t.same(namesIn(template), ['one', 'two']);
  const values = new Map([
    ['one', '1'],
    ['two', '2'],
  ]);
  t.equal(
    expand(template, (name) => values.get(name)),
    'a 1:2@1 b',
  );
  t.same(namesIn('$secrets.a {secrets.b} $' + '{env.c}'), []);
  const secretFiles = [{ secret: 'c' }];
  t.same(namesOf({ env: { B: reference('b'), A: reference('a'), C: 'plain' }, secretFiles }), [
    'a',
    'b',
    'c',
  ]);
});

t.test('what looks like a reference and is none is refused, without what stands around it', async (t) => {
  const open = '$' + '{secrets';
  for (const [text, says] of [
    [`${open}.}`, /names no secret/],
    [`${open}}`, /names no secret/],
    [`${open}xx}`, /names no secret/],
    [`${open}.a`, /without its "}"/],
    [`${open}.a${reference('b')}}`, /without its|no name of a secret/],
    [`${open}.a b}`, /no name of a secret/],
    [`${open}.__proto__}`, /no name of a secret/],
    [`${open}.../etc}`, /no name of a secret/],
  ] as const) {
    const problem = referenceProblem(`hidden-before ${text}`);
    t.match(problem, says, text);
    t.notMatch(problem, /hidden/);
  }
  t.equal(referenceProblem(`x${reference('a.b-c_D1')}y`), null);
});

t.test('a value that looks like a reference stays text', async (t) => {
  t.equal(
    expand(reference('a'), () => reference('b')),
    reference('b'),
  );
  t.throws(() => expand(reference('a'), () => undefined));
});

t.test('a text without a reference is never changed, whatever is in it', async () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (text.includes('$' + '{secrets')) return;
      if (expand(text, () => undefined) !== text || referenceProblem(text) !== null) throw new Error(text);
    }),
  );
});

t.test('names are such as a file and a path can hold', async (t) => {
  for (const name of ['db_url', 'A', '_x', 'a.b-c', 'constructor'])
    t.equal(secretNameProblem(name), null, name);
  for (const name of ['', '__proto__', 'a/b', 'a@b', '-a', '.a', 'a b', 'a\n', 'ä', 'a'.repeat(129)])
    t.match(secretNameProblem(name), /must be letters/, JSON.stringify(name));
});

t.test('a value is named by project, name and version', async (t) => {
  t.equal(valueId(secretKey('shop', 'db'), 'v1'), 'shop/db@v1');
  t.equal(keyOfValue('/db@v1'), '/db');
  t.equal(secretWords('shop/db'), 'db of shop');
  t.equal(secretWords('/db'), 'db');
});
