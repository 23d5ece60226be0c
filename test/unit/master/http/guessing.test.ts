import t from 'tap';
import { createGuessing, sourceOf } from '../../../../master/http/guessing.js';

const limits = { perSource: 3, inAll: 100 };
const fail = (guessing: ReturnType<typeof createGuessing>, from: string, times: number, atMs = 0) =>
  Array.from({ length: times }, () => guessing.failed(from, atMs));

t.test('a source with too many wrong tokens has to wait, until its minute is over', async (t) => {
  const guessing = createGuessing(limits);
  t.same(
    fail(guessing, '192.0.2.1', 4).map(({ waitSecs, isNew }) => [waitSecs, isNew]),
    [
      [0, false],
      [0, false],
      [60, true],
      [60, false],
    ],
  );
  t.equal(guessing.waitSecs('192.0.2.1', 'a', 1_000), 59);
  t.equal(guessing.waitSecs('192.0.2.2', 'a', 1_000), 0, 'another source does not');
  t.match(guessing.slowed(1_000), [{ from: '192.0.2.1', failures: 4, untilMs: 60_000 }]);
  t.equal(guessing.waitSecs('192.0.2.1', 'a', 60_000), 0);
  t.same(guessing.slowed(60_000), []);
});

t.test('what it shows is looked at once in two seconds, and what was right from there always', async (t) => {
  const guessing = createGuessing(limits);
  guessing.proved('192.0.2.1', 'right');
  fail(guessing, '192.0.2.1', 3);
  const looks = Array.from(
    { length: 100 },
    (_, at) => guessing.waitSecs('192.0.2.1', `guess${at}`, at * 100) === 0,
  );
  t.equal(looks.filter((isLookedAt) => isLookedAt).length, 4, 'of a hundred in ten seconds');
  t.equal(guessing.waitSecs('192.0.2.1', 'right', 9_950), 0);
  t.not(guessing.waitSecs('192.0.2.9', 'right', 9_950), 59, 'and only from there');
  t.ok(guessing.waits() >= 96);
});

t.test('many sources together are slowed as one, and are remembered in bounds', async (t) => {
  const guessing = createGuessing({ perSource: 3, inAll: 20 });
  for (let at = 0; at < 20_000; at += 1) guessing.failed(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`, 0);
  t.equal(guessing.failures(), 20_000);
  t.equal(guessing.waitSecs('203.0.113.5', 'new', 100), 60, 'also for one that never failed');
  t.match(guessing.slowed(0), [{ from: 'everywhere' }]);
});

t.test('of IPv6 a /64 is one source', async (t) => {
  for (const address of ['2001:db8:0:7::1', '2001:db8::7:ffff:1:2:3', '2001:0db8:0000:0007:a:b:c:d'])
    t.equal(sourceOf(address), '2001:db8:0:7::/64');
  t.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1');
  t.equal(sourceOf('::1'), '0:0:0:0::/64');
  t.equal(sourceOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
});
