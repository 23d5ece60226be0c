/** A canary through a whole master, by the API and the command line: what is shown at each step, and what is waited for. */
import t, { type Test } from 'tap';
import type { RolloutSummary } from '../../shared/api.js';
import type { FakeAgent } from '../support/fake-agent.js';
import { aBody, agentOf, serviceOf } from '../support/master-words.js';
import { type TestMaster, testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';
import { orca } from '../unit/cli/fake-io.js';

/** A master with v1 of a service of three copies, and what a deploy of a canary of it sends. */
async function withStable(t: Test): Promise<{ m: TestMaster; agent: FakeAgent }> {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const agent = await agentOf(m);
  agent.obey();
  const first = await m.api('POST', '/deploy?wait=20s', { services: [aBody({ replicas: 3 })] });
  t.equal(first.status, 200, first.body);
  return { m, agent };
}

const canaryOf = (deploy: object = {}, image = 'app:2'): object =>
  aBody({ replicas: 3, image, deploy: { strategy: 'canary', ...deploy } });

t.test('a canary gets its share, more by hand, and becomes stable', async (t) => {
  const { m, agent } = await withStable(t);
  const cli = (...argv: string[]) => orca(argv, { home: m.home });
  const nothing = await cli('promote', 'api');
  t.equal(nothing.exit, 1);
  t.match(nothing.err, /has no canary/);

  const deployed = await m.api('POST', '/deploy?wait=20s', { services: [canaryOf()] });
  t.equal(deployed.status, 200, 'it waits for a promote, and that is what was asked for');
  t.match(await serviceOf(m), {
    status: 'deploying',
    reason: /canary v2 gets 20 %/,
    running_replicas: 3,
    release: 'v1',
    groups: {
      stable: { release: 'v1', weight: 80, ready: 3, wanted: 3 },
      canary: { release: 'v2', weight: 20, wanted_weight: 20, ready: 1, wanted: 1 },
    },
    rollout: { state: 'canary', canary: { steps: [20], waits_for_promote: true } },
  });

  const dry = await cli('promote', 'api', '--dry-run');
  t.equal(dry.exit, 0, dry.err);
  const moved = await cli('promote', 'api', '--weight', '50');
  t.equal(moved.exit, 0, moved.out + moved.err);
  t.match(moved.out, /ok canary v2 of api gets 50 %/);
  t.match((await serviceOf(m))?.groups.canary, { weight: 50, wanted_weight: 50, ready: 2 });

  const held = await cli('rollout', 'pause', 'api');
  t.equal(held.exit, 0, held.err);
  t.match(await serviceOf(m), { status: 'paused', rollout: { paused: { by: 'admin' } } });
  t.equal((await cli('promote', 'api')).exit, 1, 'what is held is not promoted');
  t.equal((await cli('rollout', 'resume', 'api')).exit, 0);

  const promoted = await cli('promote', 'api');
  t.equal(promoted.exit, 0, promoted.out + promoted.err);
  await waitFor('the old ones to be gone', async () => (await serviceOf(m))?.allocations.length === 3);
  t.match(await serviceOf(m), {
    status: 'running',
    release: 'v2',
    groups: { stable: { release: 'v2', weight: 100, ready: 3 }, canary: null },
  });
  const history = await cli('history', 'api');
  t.match(history.out, /admin \(cli\) {2}weight 50 %/);
  t.match(history.out, /admin \(cli\) {2}promote v2 to 100 %/);
  await agent.close();
});

t.test('a rollback takes a canary away, and stable stays as it was', async (t) => {
  const { m, agent } = await withStable(t);
  const before = (await serviceOf(m))?.allocations.map(({ id }) => id);
  await m.api('POST', '/deploy?wait=20s', { services: [canaryOf()] });
  const back = await orca(['rollback', 'api'], { home: m.home });
  t.equal(back.exit, 0, back.out + back.err);
  await waitFor('the canary to be gone', async () => (await serviceOf(m))?.allocations.length === 3);
  const after = await serviceOf(m);
  t.same(
    after?.allocations.map(({ id }) => id),
    before,
  );
  t.match(after, { status: 'running', release: 'v1', groups: { stable: { weight: 100 }, canary: null } });
  await agent.close();
});

t.test('the same deploy with another weight moves the share, and says so in history', async (t) => {
  const { m, agent } = await withStable(t);
  await m.api('POST', '/deploy?wait=20s', { services: [canaryOf()] });
  const more = { services: [canaryOf({ canary_weight: 50 })] };
  const plan = (await m.api('POST', '/plan', more)).json as { services: { steps: string[] }[] };
  t.match(plan.services[0]?.steps, [/already brings this/, 'its canary v2 gets 50 %']);
  const moved = await m.api('POST', '/deploy?wait=20s', more);
  t.equal(moved.status, 200, moved.body);
  t.match(await serviceOf(m), {
    groups: {
      stable: { weight: 50 },
      canary: { weight: 50, wanted_weight: 50, weight_reason: null, ready: 2 },
    },
    rollout: { canary: { steps: [50], waits_for_promote: true } },
  });
  t.match((await orca(['history', 'api'], { home: m.home })).out, /admin \(api\) {2}weight 50 % by a deploy/);
  await agent.close();
});

t.test('a rollback while it is promoted takes it away too, and history names it', async (t) => {
  const { m, agent } = await withStable(t);
  const before = (await serviceOf(m))?.allocations.map(({ id }) => id);
  await m.api('POST', '/deploy?wait=20s', { services: [canaryOf()] });
  const known = new Set((await serviceOf(m))?.allocations.map(({ id }) => id));
  agent.obey((status) => ({
    ...status,
    allocations: status.allocations.map((one) =>
      known.has(one.id) ? one : { ...one, state: 'starting' as const, endpoint: null },
    ),
  }));
  const cli = (...argv: string[]) => orca(argv, { home: m.home });
  t.equal((await cli('promote', 'api', '--detach')).exit, 0);
  await waitFor('it to grow', async () => (await serviceOf(m))?.allocations.length === 6);
  t.match((await serviceOf(m))?.groups.canary, { weight: 20, wanted: 3, ready: 1 });
  t.match((await cli('rollback', 'api', '--dry-run')).out, /takes canary v2 away: .* v1 is not touched/);
  const asking = cli('rollback', 'api');
  // Its copies get ready only now: before, the promotion could have ended first.
  await waitFor('the rollback', async () => (await serviceOf(m))?.rollout?.kind === 'rollback');
  agent.obey();
  const back = await asking;
  t.equal(back.exit, 0, back.out + back.err);
  await waitFor('the canary to be gone', async () => (await serviceOf(m))?.allocations.length === 3);
  t.same(
    (await serviceOf(m))?.allocations.map(({ id }) => id),
    before,
  );
  const history = await cli('history', 'api');
  t.match(history.out, /rollback +v2 \(canary\) → v1 +succeeded/);
  t.match(history.out, /admin \(cli\) {2}rollback to v1/);
  await agent.close();
});

t.test('maintenance is shown, and ends', async (t) => {
  const { m, agent } = await withStable(t);
  t.equal((await orca(['maintenance', 'on', 'api', '--message', 'noon'], { home: m.home })).exit, 0);
  t.match(await serviceOf(m), { status: 'paused', reason: 'in maintenance by admin: noon' });
  t.equal((await orca(['maintenance', 'off', 'api'], { home: m.home })).exit, 0);
  t.match(await serviceOf(m), { status: 'running', maintenance: null });
  await agent.close();
});

t.test(
  'steps that are judged by what was counted go on by themselves, and leave their verdicts',
  async (t) => {
    const { m, agent } = await withStable(t);
    const counts = { v1: 0, v2: 0 };
    const counted = (release: number, requests: number) => ({
      service: 'default/api',
      release,
      requests,
      classes: [0, requests, 0, 0, 0],
      latency: [0, 0, requests],
    });
    const traffic = setInterval(() => {
      counts.v1 += 80;
      counts.v2 += 20;
      agent.send({ type: 'figures', epoch: 'e1', figures: [counted(1, counts.v1), counted(2, counts.v2)] });
    }, 50);
    t.teardown(() => clearInterval(traffic));
    const judged = canaryOf({ canary_steps: [5, 50], step_secs: 1, analysis: { min_requests: 10 } });
    const answer = await m.api('POST', '/deploy?wait=30s', { services: [judged] });
    t.equal(answer.status, 200, answer.body);
    const { rollouts } = (await m.api('GET', '/services/api/history')).json as { rollouts: RolloutSummary[] };
    t.match(rollouts[0], {
      state: 'succeeded',
      release: 'v2',
      canary: {
        steps: [5, 50],
        promoted: true,
        verdicts: [
          { step: 0, weight: 5, result: 'passed' },
          { step: 1, weight: 50, result: 'passed' },
        ],
      },
    });
    clearInterval(traffic);
    await agent.close();
  },
);
