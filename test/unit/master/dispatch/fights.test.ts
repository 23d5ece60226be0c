import t from 'tap';
import { createFights, type Takeover } from '../../../../master/dispatch/fights.js';

const at = (address: string, pid = 1) => ({ address, pid });
const [a, b] = [at('10.0.0.1'), at('10.0.0.2')];

/** What came of takeovers in turn, `everyMs` apart. */
function outcome(turns: [Takeover['from'], Takeover['to']][], everyMs: number) {
  const fights = createFights();
  return turns.map(([from, to], n) => fights.refuse('n-1', { atMs: 1_000_000 + n * everyMs, from, to }));
}

t.test('two that come back in turns: after the third time the one that comes is refused', async (t) => {
  const turns: [Takeover['from'], Takeover['to']][] = [
    [a, b],
    [b, a],
    [a, b],
    [b, a],
    [b, a],
  ];
  const came = outcome(turns, 7_000);
  t.same(came.slice(0, 3), [null, null, null]);
  t.match(came[3], { isNew: true, reason: /10\.0\.0\.2 .* at 10\.0\.0\.1 .*orca join/ });
  t.match(came[4], { isNew: false }, 'said once');
});

t.test('one agent that connects anew, is restarted or moves is no fight', async (t) => {
  const again = Array.from({ length: 9 }, () => [a, a] as [typeof a, typeof a]);
  t.same(outcome(again, 10).filter(Boolean), [], 'half-open sessions of its own');
  const restarts = Array.from({ length: 9 }, (_, n) => [at('x', n), at('x', n + 1)] as [typeof a, typeof a]);
  t.same(outcome(restarts, 10).filter(Boolean), [], 'another process each time');
  t.same(
    outcome(
      [
        [a, b],
        [b, a],
      ],
      10,
    ).filter(Boolean),
    [],
    'there and back',
  );
});

t.test('turns that lie far apart are no fight, and a fight that has ended is forgotten', async (t) => {
  const turns = Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? [a, b] : [b, a]) as [typeof a, typeof a]);
  t.same(outcome(turns, 90_000).filter(Boolean), []);
  const fights = createFights();
  turns.forEach(([from, to], n) => void fights.refuse('n-1', { atMs: n * 5_000, from, to }));
  t.match(fights.reason('n-1', 40_000), /two agents/);
  t.equal(fights.reason('n-1', 40_000 + 120_000), null);
  t.equal(fights.reason('n-2', 40_000), null);
});
