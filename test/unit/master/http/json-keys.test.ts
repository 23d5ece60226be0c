import fc from 'fast-check';
import t from 'tap';
import { refuseTwice } from '../../../../master/http/json-keys.js';

t.test('a key that stands twice in one table is refused by its name', async (t) => {
  for (const bad of [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"b":{"c":1},"x":[1,{"a" \n: 1, "y":[], "a":{}}]}',
    '{"a":{"a":1},"a":2}',
    '{"__proto__":1,"__proto__":2,"a":3}',
  ])
    t.throws(() => refuseTwice(bad), { code: 'BODY_INVALID', message: /the key "(a|__proto__)" twice/ }, bad);
});

t.test('the same words elsewhere are none', async (t) => {
  for (const good of [
    '',
    'null',
    '"a"',
    '["a","a"]',
    '{"a":"a","b":"a"}',
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":2}]',
    '{"a":"\\"a\\":","b":"{\\"b\\":1","c\\\\":1,"c":2}',
    '{"a":["x",{"b":1}],"b":2}',
  ])
    t.doesNotThrow(() => refuseTwice(good), good);
});

t.test('what JSON.stringify writes has none, and a table with one of its keys again has', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      refuseTwice(JSON.stringify(value, null, 1));
    }),
  );
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (key, value) => {
      const one = `${JSON.stringify(key)}:${JSON.stringify(value)}`;
      try {
        refuseTwice(`{"first":0,${one},${one}}`);
        return false;
      } catch {
        return true;
      }
    }),
  );
});
