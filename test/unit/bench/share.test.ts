import t from 'tap';
import { judgeShare } from '../../../bench/share.js';

t.test('a percentage point is always allowed', async (t) => {
  t.match(judgeShare(1, { canary: 190, answers: 10_000 }), { seen: 1.9, allowed: 1, isWithin: true });
  t.match(judgeShare(1, { canary: 210, answers: 10_000 }), { isWithin: false });
  t.match(judgeShare(99, { canary: 9_790, answers: 10_000 }), { isWithin: false });
});

t.test('where chance alone does more, three standard deviations are', async (t) => {
  t.match(judgeShare(50, { canary: 5_150, answers: 10_000 }), { allowed: 1.5, isWithin: true });
  t.match(judgeShare(50, { canary: 4_840, answers: 10_000 }), { isWithin: false });
});

t.test('no answers are no share', async (t) => {
  t.throws(() => judgeShare(50, { canary: 0, answers: 0 }), { message: 'nothing was measured' });
});
