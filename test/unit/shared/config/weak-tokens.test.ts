import t from 'tap';
import { weakTokenNotes } from '../../../../shared/config/cluster-access.js';

const aToken = (value: string) => ({
  name: `of ${value.length}`,
  value,
  role: 'admin' as const,
  projects: null,
});

t.test('a token that can be guessed is named, with what to do, and its value is not said', async (t) => {
  for (const value of ['a', 'secret', 'correct-horse-b', 'a'.repeat(64), 'abab'.repeat(8)]) {
    const [note = ''] = weakTokenNotes([aToken(value)]);
    t.match(
      note,
      new RegExp(`^the token "of ${value.length}" of cluster.toml can be guessed: .*openssl rand`),
    );
    t.notOk(note.includes(`"${value}"`) || note.includes(` ${value} `));
  }
});

t.test('one of random characters is fine', async (t) => {
  for (const value of ['9f86d081884c7d65', 'Zk3vQp0L8sYx2WbN', '1c9be2c1-6c1b-4f0e-9f0e-0d3c7d8c2a11'])
    t.same(weakTokenNotes([aToken(value)]), [], value);
});
