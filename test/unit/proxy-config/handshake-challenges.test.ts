import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { handshakeAnswers } from '../../../proxy-config/handshake-challenges.js';

const folderIn = (root: string): string => join(root, 'acme/orca.internal-directory/challenge_tokens');
const challenge = (name: string | null) => ({ token: 'tok', content: 'tok.thumb', name });

t.test('there is a file for each name whose handshakes are to answer, and no other', async (t) => {
  const root = t.testdir();
  const answer = handshakeAnswers(root);
  answer([challenge(null), challenge('a.test'), challenge('../../b'), challenge('c.test')]);
  t.same(readdirSync(folderIn(root)).sort(), ['a.test.json', 'c.test.json']);
  t.match(JSON.parse(readFileSync(join(folderIn(root), 'a.test.json'), 'utf8')), {
    ...{ type: 'tls-alpn-01', token: 'tok', keyAuthorization: 'tok.thumb' },
    identifier: { type: 'dns', value: 'a.test' },
  });
  handshakeAnswers(root)([challenge('c.test')]);
  t.same(readdirSync(folderIn(root)), ['c.test.json'], 'also those of an agent before');
});

t.test('a disk that refuses is no reason to stop, and is tried again', async (t) => {
  const root = t.testdir({ acme: '' });
  const answer = handshakeAnswers(root);
  answer([challenge('a.test')]);
  rmSync(join(root, 'acme'));
  mkdirSync(folderIn(root), { recursive: true });
  writeFileSync(join(folderIn(root), 'left.json'), '');
  answer([challenge('a.test')]);
  t.same(readdirSync(folderIn(root)), ['a.test.json']);
});
