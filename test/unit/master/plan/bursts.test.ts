import fc from 'fast-check';
import t from 'tap';
import { LONGEST_MS, planBurst, QUIET_MS, settle } from '../../../../master/plan/bursts.js';
import { aRollout } from '../../../support/a-model.js';
import { aDelivery, aPush } from '../../../support/a-webhook.js';

t.test('a push waits for the quiet after it, and no longer', async (t) => {
  const one = aDelivery({ receivedAtMs: 1_000 });
  t.match(planBurst([one], 2_000), { due: null, put: [], wakeAtMs: 1_000 + QUIET_MS });
  t.match(planBurst([one], 1_000 + QUIET_MS), { due: { id: one.id }, put: [], wakeAtMs: null });
  t.same(planBurst([], 1), { due: null, put: [], wakeAtMs: null });
  t.match(planBurst([one], 1), { due: { id: one.id } }, 'a clock that was set back holds nobody up');
});

t.test('the newest supersedes what waits, at once and with its name', async (t) => {
  const first = aDelivery({ id: 'd-1', receivedAtMs: 1_000 });
  const second = aDelivery({ id: 'd-2', receivedAtMs: 4_000, push: aPush({ commit: 'c'.repeat(40) }) });
  const plan = planBurst([second, first], 4_500);
  t.match(plan.put, [
    { id: 'd-1', state: 'superseded', reason: /a newer push came .*: ccccccc \(d-2\)/, endedAtMs: 4_500 },
    { id: 'd-2', state: 'waiting', burstSinceMs: 1_000 },
  ]);
  t.equal(plan.wakeAtMs, 4_000 + QUIET_MS);
});

t.test('pushes that never cease deploy after the longest time', async (t) => {
  const last = aDelivery({ receivedAtMs: 1_000 + LONGEST_MS - 100, burstSinceMs: 1_000 });
  t.equal(planBurst([last], 1_000 + LONGEST_MS - 50).wakeAtMs, 1_000 + LONGEST_MS);
  t.match(planBurst([last], 1_000 + LONGEST_MS), { due: { id: last.id } });
});

t.test('a push that came in late is not taken for the newest', async (t) => {
  const [a, b, c] = ['a'.repeat(40), 'b'.repeat(40), 'c'.repeat(40)];
  const newer = aDelivery({ id: 'd-1', receivedAtMs: 1_000, push: aPush({ before: b, commit: c }) });
  const older = aDelivery({ id: 'd-2', receivedAtMs: 2_000, push: aPush({ before: a, commit: b }) });
  t.equal(planBurst([newer, older], 60_000).due?.id, 'd-1', 'by what each was made on');
  const at = (id: string, receivedAtMs: number, pushedAtMs: number) =>
    aDelivery({ id, receivedAtMs, push: aPush({ before: null, pushedAtMs, commit: id.padEnd(40, '0') }) });
  t.equal(planBurst([at('d-1', 1_000, 900), at('d-2', 2_000, 800)], 60_000).due?.id, 'd-1', 'by their time');
  const there = aDelivery({ id: 'd-3', receivedAtMs: 1_000, push: aPush({ before: a, commit: b }) });
  const back = aDelivery({ id: 'd-4', receivedAtMs: 2_000, push: aPush({ before: b, commit: a }) });
  t.equal(planBurst([there, back], 60_000).due?.id, 'd-4', 'forth and back');
});

t.test('of any pushes, in any order, exactly one is left, and it deploys in time', async () => {
  const pushes = fc.array(fc.nat({ max: 40_000 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(pushes, fc.nat({ max: 100_000 }), (times, nowMs) => {
      const waiting = times.map((receivedAtMs, at) => aDelivery({ id: `d-${at}`, receivedAtMs }));
      const plan = planBurst(waiting, nowMs);
      const superseded = plan.put.filter(({ state }) => state === 'superseded');
      const isLate = nowMs >= Math.min(...times) + LONGEST_MS;
      const reversed = planBurst([...waiting].reverse(), nowMs);
      return (
        superseded.length === times.length - 1 &&
        (!isLate || plan.due !== null) &&
        (plan.due === null) === (plan.wakeAtMs !== null) &&
        reversed.due?.id === plan.due?.id
      );
    }),
  );
});

t.test('what became of the rollout is what became of the delivery', async (t) => {
  const one = aDelivery({ state: 'deploying', rollout: 'r-1' });
  t.equal(settle(one, aRollout(), 5), one);
  const ended = (state: 'succeeded' | 'failed' | 'superseded', reason: string | null) =>
    settle(one, aRollout({ state, reason, endedAtMs: 4 }), 5);
  t.match(ended('succeeded', null), { state: 'deployed', reason: null, endedAtMs: 5 });
  t.match(ended('failed', 'exit code 3'), { state: 'failed', reason: 'exit code 3' });
  t.match(ended('superseded', 'superseded: a redeploy'), { state: 'superseded', reason: /a redeploy/ });
  t.match(settle(one, null, 5), { state: 'failed', reason: /no longer known/ });
});
