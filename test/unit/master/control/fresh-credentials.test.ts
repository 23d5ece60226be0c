import t from 'tap';
import { createFreshCredentials } from '../../../../master/control/fresh-credentials.js';
import { aRollout, aSpec } from '../../../support/a-model.js';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const command = { command: ['helper', 'get'] };
const spec = aSpec({ image: 'r.test/app:1' });

function aFresh() {
  const clock = { nowMs: 1_000_000 };
  const asked: string[] = [];
  const answers: ((given: { username: string; password: string } | Error) => void)[] = [];
  let changes = 0;
  const fresh = createFreshCredentials({
    fetch: (source, host) => {
      asked.push(`${'command' in source ? source.command[0] : source.sealed} ${host}`);
      return new Promise((resolve, reject) =>
        answers.push((given) => (given instanceof Error ? reject(given) : resolve(given))),
      );
    },
    onChange: () => {
      changes += 1;
    },
    log,
    nowMs: () => clock.nowMs,
  });
  const answer = async (given: { username: string; password: string } | Error) => {
    answers.shift()?.(given);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const rollout = (startedAtMs: number) => aRollout({ state: 'preparing', node: null, spec, startedAtMs });
  const waits = (startedAtMs: number) =>
    fresh.waitFor(rollout(startedAtMs), (host) => (host === 'r.test' ? command : null));
  return { fresh, clock, asked, answer, waits, changes: () => changes };
}

t.test('a deploy waits for credentials of its own, asked for once', async (t) => {
  const { fresh, clock, asked, answer, waits, changes } = aFresh();
  t.equal(waits(clock.nowMs), 'credentials for r.test are being fetched');
  t.equal(waits(clock.nowMs), 'credentials for r.test are being fetched');
  t.same(asked, ['helper r.test']);
  await answer({ username: 'u', password: 'one' });
  t.equal(changes(), 1);
  t.equal(waits(clock.nowMs), null);
  t.match(fresh.of('r.test', command), { username: 'u', password: 'one' });
  clock.nowMs += 10;
  t.match(waits(clock.nowMs), /being fetched/, 'the next deploy asks anew');
  await answer({ username: 'u', password: 'two' });
  t.match(fresh.of('r.test', command), { password: 'two' });
});

t.test('one that can not be had is a reason, and tried again; others do not wait', async (t) => {
  const { fresh, clock, asked, answer, waits } = aFresh();
  const other = aRollout({ state: 'preparing', node: null, spec: aSpec({ image: 'app:1' }) });
  t.equal(
    fresh.waitFor(other, () => null),
    null,
  );
  waits(clock.nowMs);
  await answer(new Error('helper ended with 1: no role'));
  t.equal(waits(clock.nowMs), null);
  const reason = 'the credentials for r.test could not be fetched: helper ended with 1: no role';
  t.match(fresh.of('r.test', command), { password: null, reason });
  clock.nowMs += 30_000;
  fresh.of('r.test', command);
  t.equal(asked.length, 2);
});

t.test('they are renewed every hour, and the older ones stand meanwhile and should that fail', async (t) => {
  const { fresh, clock, asked, answer } = aFresh();
  fresh.of('r.test', command);
  await answer({ username: 'u', password: 'one' });
  const mark = fresh.mark();
  clock.nowMs += 3_599_999;
  fresh.of('r.test', command);
  t.equal(asked.length, 1);
  clock.nowMs += 1;
  t.match(fresh.of('r.test', command), { password: 'one' });
  t.equal(asked.length, 2);
  await answer(new Error('not now'));
  t.match(fresh.of('r.test', command), { password: 'one' });
  clock.nowMs += 30_000;
  fresh.of('r.test', command);
  await answer({ username: 'u', password: 'two' });
  t.match(fresh.of('r.test', command), { password: 'two' });
  t.not(fresh.mark(), mark);
});
