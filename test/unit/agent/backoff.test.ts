import t from 'tap';
import { reconnectMs } from '../../../agent/backoff.js';

t.test('a lost master is looked for at once, then more slowly, and never more than 2 s apart', async (t) => {
  const least = [1, 2, 3, 4, 5, 100].map((failures) => reconnectMs(failures, false, 0));
  t.same(least, [125, 250, 500, 1_000, 1_000, 1_000]);
  const most = [1, 2, 3, 4, 5, 100].map((failures) => reconnectMs(failures, false, 1));
  t.same(most, [250, 500, 1_000, 2_000, 2_000, 2_000]);
});

t.test('who was told no waits 5 to 10 s', async (t) => {
  t.same([reconnectMs(1, true, 0), reconnectMs(9, true, 1)], [5_000, 10_000]);
});
