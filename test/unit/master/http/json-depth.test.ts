import t from 'tap';
import { refuseDeep } from '../../../../master/http/json-depth.js';

t.test('what nests too deep is refused before it is parsed', async (t) => {
  for (const good of [
    '',
    '{}',
    '['.repeat(64) + ']'.repeat(64),
    `{"a":"${'['.repeat(500)}"}`,
    '{"a":"\\\\\\"[[["}',
  ])
    t.doesNotThrow(() => refuseDeep(good), good.slice(0, 20));
  for (const bad of ['['.repeat(65), '{"a":'.repeat(65), `["\\"]",${'['.repeat(70)}`])
    t.throws(() => refuseDeep(bad), { code: 'BODY_INVALID', message: /nests deeper than 64/ });
});
