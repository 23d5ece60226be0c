import t, { type Test } from 'tap';
import { commitBuilder, createBringOut } from '../../../../master/control/bring-out.js';
import { createCommands } from '../../../../master/control/commands.js';
import { startDeliver } from '../../../../master/control/deliver.js';
import { createReceive } from '../../../../master/control/receive.js';
import { createSecretValues } from '../../../../master/control/secret-values.js';
import { createStates } from '../../../../master/control/states.js';
import { LONGEST_MS, QUIET_MS } from '../../../../master/plan/bursts.js';
import type { Store } from '../../../../master/store/store.js';
import { OrcaError } from '../../../../shared/errors.js';
import type { Delivery } from '../../../../shared/webhook.js';
import { aNode, aRelease, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { aWebhook } from '../../../support/a-webhook.js';
import { aCommit, githubPush } from '../../../support/hook-payloads.js';
import { waitFor } from '../../../support/wait-for.js';

const quiet = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
};

/** A store with a service and its webhook, what takes pushes in, and the loop; the clock is the test's. */
function delivering(t: Test, bring: Parameters<typeof startDeliver>[0]['bringOut'] | null = null) {
  const store = aStore(t);
  store.write((tx) => {
    tx.putService(aService());
    tx.putRelease(aRelease());
    tx.putNode(aNode());
    tx.putWebhook(aWebhook());
  });
  const states = createStates(store);
  const commands = createCommands(
    store,
    states,
    createSecretValues(store, (sealed) => sealed),
  );
  const bringOut = bring ?? createBringOut(commands.redeploy, commitBuilder(commands.rebuild));
  const clock = { nowMs: 1_000_000 };
  const nowMs = () => clock.nowMs;
  const loops: ReturnType<typeof startDeliver>[] = [];
  const start = () => loops.push(startDeliver({ store, bringOut, nowMs, log: quiet as never }));
  t.teardown(() => Promise.all(loops.map((loop) => loop.stop())));
  const { receive } = createReceive(store, nowMs);
  const push = async (payload: object = githubPush()): Promise<Delivery> => {
    const call = { provider: 'github' as const, signedFor: ['wh-1'], event: 'push', remoteId: null };
    const { deliveries } = await receive({ ...call, digest: aCommit().padEnd(64, '0'), payload });
    if (!deliveries[0]) throw new Error('nothing was taken in');
    return deliveries[0].delivery;
  };
  const pass = (ms: number) => {
    clock.nowMs += ms;
    for (const loop of loops) loop.wake();
  };
  return { store, start, push, pass };
}

const stateThat = (store: Store, { id }: Delivery, state: Delivery['state']) =>
  waitFor(`${id} to be ${state}`, () => store.delivery(id)?.state === state && store.delivery(id), {
    timeoutMs: 5_000,
    everyMs: 5,
  });

t.test('a push is redeployed after the quiet, by its author, and ends as its rollout does', async (t) => {
  const { store, start, push, pass } = delivering(t);
  start();
  const after = aCommit();
  const one = await push(githubPush({ after, author: 'carol' }));
  pass(QUIET_MS);
  const begun = await stateThat(store, one, 'deploying');
  const rollout = store.activeRollout('shop/api');
  t.match(rollout, { id: begun.rollout, kind: 'redeploy', source: 'webhook' });
  t.equal(rollout?.by, `carol (org/myapp@${after.slice(0, 7)})`);
  t.match(store.events(10).at(-1)?.message, /redeploy .* begun by carol/);
  if (rollout)
    store.write((tx) => tx.putRollout({ ...rollout, state: 'failed', reason: 'exit 3', endedAtMs: 5 }));
  t.match(await stateThat(store, one, 'failed'), { reason: 'exit 3' });
  t.same(store.openDeliveries(), []);
});

t.test('of a burst the newest deploys, once', async (t) => {
  const { store, start, push, pass } = delivering(t);
  start();
  const all: Delivery[] = [];
  for (let at = 0; at < 10; at += 1) {
    all.push(await push(githubPush({ before: aCommit() })));
    pass(100);
  }
  pass(QUIET_MS);
  const last = all.at(-1) as Delivery;
  await stateThat(store, last, 'deploying');
  for (const one of all.slice(0, -1)) t.equal(store.delivery(one.id)?.state, 'superseded');
  t.equal(store.rollouts('shop/api', 10).length, 1);
  const next = await push();
  pass(QUIET_MS);
  await stateThat(store, next, 'deploying');
  t.match(await stateThat(store, last, 'superseded'), { reason: /a redeploy by/ });
});

t.test('what waits is brought out by the next master, also when its clock was set back', async (t) => {
  const { store, start, push, pass } = delivering(t);
  const one = await push();
  t.equal(store.delivery(one.id)?.state, 'waiting');
  pass(-3_600_000);
  start();
  await stateThat(store, one, 'deploying');
});

t.test('a service that is stopped or being removed is not brought back by a push', async (t) => {
  for (const [desired, reason] of [
    ['stopped', /is stopped/],
    ['removed', /being removed/],
  ] as const) {
    const { store, start, push, pass } = delivering(t);
    const one = await push();
    store.write((tx) => tx.putService(aService({ desired })));
    start();
    pass(LONGEST_MS);
    t.match(await stateThat(store, one, 'skipped'), { reason });
    t.equal(store.activeRollout('shop/api'), undefined);
  }
});

t.test('what is refused is failed with the reason, and what can not be stored is tried again', async (t) => {
  const answers: (() => string)[] = [
    () => {
      throw new OrcaError('STORE_FULL', 'no room');
    },
    () => {
      throw new OrcaError('CONFLICT', 'not now');
    },
  ];
  const { store, start, push, pass } = delivering(t, () => (answers.shift() ?? (() => 'r-1'))());
  start();
  const one = await push();
  pass(QUIET_MS);
  t.match(await stateThat(store, one, 'failed'), { reason: 'not now' });
  t.match(store.events(1), [{ kind: 'webhook.failed', message: /deploys nothing: not now/ }]);
  t.equal(answers.length, 0);
});

t.test('a service that is to be built goes to what builds, as of the commit', async (t) => {
  const build = {
    repo: 'r',
    branch: 'main',
    dockerfile: 'D',
    context: '.',
    deployKey: null,
    paths: [],
    args: {},
  };
  const service = aService();
  const built = { ...service, spec: { ...service.spec, build } };
  const asked: string[] = [];
  const redeploy = () => 'r-redeploy';
  const actor = { by: 'carol', source: 'webhook' as const };
  const builder = {
    buildAt: (_: unknown, { push }: Delivery) => {
      asked.push(push.commit ?? '');
      return 'r-build';
    },
  };
  const { push } = delivering(t);
  const delivery = await push();
  t.equal(createBringOut(redeploy, builder)(built, delivery, actor), 'r-build');
  t.same(asked, [delivery.push.commit]);
  t.equal(createBringOut(redeploy, builder)(service, delivery, actor), 'r-redeploy');
  const commits: unknown[] = [];
  const rebuild = (_: string, __: unknown, commit: unknown) => {
    commits.push(commit);
    return 'r-exact';
  };
  t.equal(createBringOut(redeploy, commitBuilder(rebuild))(built, delivery, actor), 'r-exact');
  t.same(commits, [{ sha: delivery.push.commit, ref: delivery.push.ref }]);
});
