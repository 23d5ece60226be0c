import t from 'tap';
import { formatJoinToken, parseJoinToken } from '../../../shared/join-token.js';

const parts = { id: 'j-0123abcd', secret: 'a_-'.repeat(14).concat('b'), caFingerprint: 'f'.repeat(64) };

t.test('a token is read as it was written, also with the line break of a file', async (t) => {
  t.same(parseJoinToken(formatJoinToken(parts)), parts);
  t.same(parseJoinToken(`${formatJoinToken(parts)}\n`), parts);
});

t.test('what is no token is refused, and its text is not repeated', async (t) => {
  const text = formatJoinToken(parts);
  for (const bad of [
    '',
    'x',
    text.slice(0, -1),
    `${text}0`,
    text.replace('j-', 'n-'),
    text.replace('f', 'F'),
  ]) {
    const error = t.throws(() => parseJoinToken(bad), { code: 'JOIN_TOKEN_INVALID' });
    if (bad.includes(parts.secret)) t.notMatch((error as Error).message, parts.secret);
  }
});
