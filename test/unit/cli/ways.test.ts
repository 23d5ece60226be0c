import type { Got } from 'got';
import t from 'tap';
import { byTrusted, type Ways } from '../../../cli/ways.js';

const untrusted = (name: string) => Object.assign(new Error(`${name}: unable to verify`), { code: 'CERT_X' });

/** Ways that are names; `trusted` alone is. */
function someWays(names: string[], trusted: string) {
  const left = [...names];
  const tried: string[] = [];
  const ways: Ways = {
    now: () => left[0] as unknown as Got,
    next: () => left.length > 1 && left.shift() !== undefined,
    hint: '',
  };
  const ask = async (way: Got): Promise<string> => {
    const name = String(way);
    tried.push(name);
    if (name !== trusted) throw untrusted(name);
    return name;
  };
  return { ways, ask, tried };
}

t.test('the first way that is trusted is asked, and kept to', async (t) => {
  const { ways, ask, tried } = someWays(['known', 'public', 'pinned'], 'public');
  t.equal(await byTrusted(ways, ask), 'public');
  t.equal(await byTrusted(ways, ask), 'public');
  t.same(tried, ['known', 'public', 'public']);
});

t.test('several that ask at once skip none', async (t) => {
  const { ways, ask } = someWays(['known', 'public', 'pinned'], 'public');
  const answers = await Promise.all([1, 2, 3].map(() => byTrusted(ways, ask)));
  t.same(answers, ['public', 'public', 'public']);
});

t.test(
  'where none is trusted, it is said what the first was refused with; other failures end it at once',
  async (t) => {
    const { ways, ask } = someWays(['known', 'public'], 'nobody');
    await t.rejects(byTrusted(ways, ask), { message: 'known: unable to verify' });
    const { ways: others, tried } = someWays(['known', 'public'], 'public');
    const cut = byTrusted(others, () => Promise.reject(new Error('ECONNRESET')));
    await t.rejects(cut, { message: 'ECONNRESET' });
    t.same(tried, []);
  },
);
