import t from 'tap';
import { formatToken, parseToken } from '../../../shared/token-text.js';

const secret = 'aB3_'.repeat(10).padEnd(43, '-');
const ca = '0f'.repeat(32);

t.test('a token has an id and a fingerprint, of which the master is shown the first alone', async (t) => {
  const text = formatToken('0123456789', secret, ca);
  t.same(parseToken(text), { id: '0123456789', core: `orca_0123456789_${secret}`, caFingerprint: ca });
  t.same(parseToken(`orca_0123456789_${secret}`)?.caFingerprint, null);
});

t.test('any other text is none of Orca', async (t) => {
  const text = formatToken('0123456789', secret, ca);
  for (const other of [
    '',
    'good',
    text.slice(1),
    `${text}0`,
    text.slice(0, -1),
    `orca_012345678_${secret}`,
    `${text}\n`,
  ])
    t.equal(parseToken(other), null, other);
});
