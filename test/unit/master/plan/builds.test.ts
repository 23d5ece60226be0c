import t from 'tap';
import { beginDeploy, beginRollback } from '../../../../master/plan/begin.js';
import { commitThatRuns, withCommit } from '../../../../master/plan/begin-build.js';
import { builderOf, buildWait, orderOf } from '../../../../master/plan/builds.js';
import { planService } from '../../../../master/plan/plan.js';
import { withSecrets } from '../../../../master/plan/secrets.js';
import type { ServiceSnapshot } from '../../../../master/plan/snapshot.js';
import type { BuildObserved } from '../../../../shared/build.js';
import type { Node, Rollout } from '../../../../shared/model.js';
import type { ImageObserved } from '../../../../shared/protocol.js';
import {
  aContext,
  aCurrent,
  aNode,
  aPlanned,
  aRelease,
  aRollout,
  aService,
  aSnapshot,
  aSpec,
  aView,
} from './things.js';

const KEY = '$' + '{secrets.key}';
const build = {
  ...{
    repo: 'git@host:repo',
    branch: 'main',
    dockerfile: 'Dockerfile',
    context: '.',
    deployKey: KEY,
    paths: [],
    args: {},
  },
  timeoutMs: 60_000,
};
const spec = aSpec({ build, container: { image: 'orca.local/shop/api:build', pull: 'never' } });
const rolloutOf = (change: Partial<Rollout> = {}): Rollout => aRollout({ id: 'r-1', spec, ...change });
const builder = (id: string, change: Partial<Node> = {}): Node => {
  const node = aNode(id, change);
  return { ...node, facts: { ...node.facts, builds: true, secrets: true } };
};
const nodesOf = (...nodes: Node[]) => nodes.map((node) => aView(node));
const observed = (change: Partial<BuildObserved> = {}): BuildObserved => ({
  ...{
    state: 'building',
    reason: 'step 2/7: RUN make',
    commit: 'c'.repeat(40),
    author: 'Alice',
    subject: 'Mend',
  },
  ...{
    tag: 'orca-build/shop/api:cccccccccccc-1',
    startedAtMs: 1,
    endedAtMs: null,
    sizeBytes: null,
    lastLogs: [],
  },
  ...change,
});
const image = (change: Partial<ImageObserved> = {}): ImageObserved => ({
  ...{
    id: 'r-1',
    state: 'pulling',
    percent: null,
    imageId: null,
    digest: null,
    reason: null,
    build: observed(),
  },
  ...change,
});
const chosen = (snapshot: Partial<ServiceSnapshot>, rollout = rolloutOf()) =>
  builderOf(aSnapshot({ service: aService(spec), ...snapshot }), rollout);

t.test('a node builds that has git, is open, and is not told to leave it', async (t) => {
  t.equal(chosen({ nodes: nodesOf(aNode('n1'), builder('n2')) }).node?.id, 'n2');
  t.match(
    chosen({ nodes: nodesOf(aNode('n1')) }).refusal,
    /1 without git 2\.31, or with an agent that does not build/,
  );
  const never = builder('n1', { labels: { 'orca.build': 'false' } });
  t.match(
    chosen({ nodes: nodesOf(never, builder('n2', { cordoned: true })) }).refusal,
    /1 cordoned, 1 not to build/,
  );
  const told = builder('n3', { labels: { 'orca.build': 'true' } });
  t.equal(chosen({ nodes: nodesOf(builder('n1'), told) }).node?.id, 'n3', 'where some are named, only these');
  const arm = rolloutOf({ spec: { ...spec, build: { ...build, platform: 'linux/arm64' } } });
  t.match(chosen({ nodes: nodesOf(builder('n1')) }, arm).refusal, /1 not linux\/arm64/);
  const large = rolloutOf({ spec: { ...spec, build: { ...build, memoryBytes: 8 * 1024 ** 3 } } });
  t.match(chosen({ nodes: nodesOf(builder('n1')) }, large).refusal, /without 8192 MiB free to build/);
});

t.test('the one with the cache goes first, then the one with the fewest builds', async (t) => {
  const built = { build: 'b-0', commit: 'a', node: 'n2' };
  const nodes = nodesOf(builder('n1'), builder('n2'), builder('n3'));
  t.equal(chosen({ nodes, releases: [aRelease(1, spec, { built })] }).node?.id, 'n2');
  const busy = builder('n1', { images: [image({ id: 'r-other' })] });
  t.equal(chosen({ nodes: nodesOf(busy, builder('n2')) }).node?.id, 'n2');
});

t.test('a build stays where it is while its node is silent, and is moved when that is lost', async (t) => {
  const rollout = rolloutOf({ node: 'n1' });
  const away = { connectedAtMs: null };
  const silent = builder('n1', { ...away, presence: 'unreachable' });
  t.equal(chosen({ nodes: nodesOf(silent, builder('n2')) }, rollout).node?.id, 'n1');
  t.match(
    buildWait(spec, silent, image()),
    /step 2\/7: RUN make \(build on host-n1, which does not answer now/,
  );
  const lost = builder('n1', { ...away, presence: 'lost' });
  const plan = planService(
    aSnapshot({ service: aService(spec), rollout, nodes: nodesOf(lost, builder('n2')) }),
    2_000_000,
  );
  t.match(plan.actions, [
    { kind: 'put-rollout', rollout: { node: 'n2', state: 'preparing', progressAtMs: 2_000_000 } },
    { kind: 'event', event: { message: /begins anew on host-n2: host-n1, where it was to be, is lost/ } },
  ]);
});

t.test('a build under way has all its time; then the progress deadline begins', async (t) => {
  const planAt = (nowMs: number, images: ImageObserved[], change: Partial<ServiceSnapshot> = {}) => {
    const rollout = rolloutOf({ node: 'n1' });
    const nodes = nodesOf(builder('n1', { images }));
    return planService(aSnapshot({ service: aService(spec), rollout, nodes, ...change }), nowMs);
  };
  const late = 1_000_000 + 50 * 60_000;
  t.match(planAt(late, [image()]), { waits: ['step 2/7: RUN make (build on host-n1)'] });
  t.match(
    planAt(late, []).actions,
    [{ kind: 'put-rollout', rollout: { state: 'failed' } }],
    'nobody has begun it',
  );
  const done = image({
    state: 'ready',
    imageId: 'sha256:new',
    build: observed({ state: 'done', endedAtMs: late }),
  });
  const dependent = { service: aService({ ...spec, dependsOn: ['db'] }) };
  const rollout = rolloutOf({ node: 'n1', spec: { ...spec, dependsOn: ['db'] } });
  t.match(
    planAt(late + 1_000, [done], { ...dependent, rollout }).waits,
    [/waits for db/],
    'it had no time yet',
  );
});

t.test('what was built is in the release: commit, build and node', async (t) => {
  const done = image({
    state: 'ready',
    imageId: 'sha256:new',
    build: observed({ state: 'done', endedAtMs: 2 }),
  });
  const nodes = nodesOf(builder('n1', { images: [done] }));
  const plan = planService(
    aSnapshot({ service: aService(spec), rollout: rolloutOf({ node: 'n1' }), nodes }),
    1_000_001,
  );
  const release = plan.actions.find(({ kind }) => kind === 'put-release');
  t.match(release, {
    release: {
      image: { ref: 'orca-build/shop/api:cccccccccccc-1', id: 'sha256:new' },
      built: { build: 'b-1', commit: 'c'.repeat(40), node: 'n1' },
    },
  });
});

t.test('a failure has its words and last lines, and leaves what serves', async (t) => {
  const failed = image({
    ...{ state: 'failed', reason: 'make: no rule' },
    build: observed({ state: 'failed', lastLogs: ['one', 'two'] }),
  });
  const release = aRelease(1, spec);
  const service = aService(spec, { planned: aPlanned({ stable: 1 }) });
  const nodes = nodesOf(builder('n1', { images: [failed] }));
  const snapshot = aSnapshot({
    service,
    releases: [release],
    rollout: rolloutOf({ node: 'n1', from: 1 }),
    nodes,
  });
  const put = planService(snapshot, 1_000_001).actions.find(({ kind }) => kind === 'put-rollout');
  t.match(put, {
    rollout: {
      state: 'failed',
      reason: 'the build b-1 failed: make: no rule; v1 goes on serving',
      failure: { lastLogs: ['one', 'two'], message: /`orca builds logs b-1`/ },
    },
  });
  const cancelled = rolloutOf({ node: 'n1', cancelled: { by: 'carol', atMs: 1 } });
  const ended = planService({ ...snapshot, rollout: cancelled, nodes: nodesOf(builder('n1')) }, 1_000_001);
  t.match(
    ended.actions.find(({ kind }) => kind === 'put-rollout'),
    {
      rollout: { state: 'failed', reason: /^the build b-1 was cancelled by carol/ },
    },
  );
});

t.test('the order has the commit that was pushed, and the ids of its secrets', async (t) => {
  const pinned = withSecrets(spec, (key) => (key === 'shop/key' ? 'shop/key@1' : null));
  t.same(pinned.missing, []);
  const rollout = rolloutOf({ spec: pinned.spec, commit: { sha: 'abc', ref: 'refs/tags/v1' } });
  t.match(orderOf(rollout, pinned.spec.build ?? build), {
    ...{
      id: 'b-1',
      commit: 'abc',
      ref: 'refs/tags/v1',
      deployKey: 'shop/key@1',
      token: null,
      timeoutMs: 60_000,
    },
  });
  const preview = {
    ...{ of: 'shop/api', webhook: 'wh-1', repo: 'org/api', number: 7 },
    ...{ commit: { sha: 'abc', ref: 'refs/heads/x' }, pushedAtMs: 1, ttlMs: 1 },
  };
  t.equal(orderOf(rolloutOf(), build).isPreview, undefined);
  t.equal(orderOf(rolloutOf({ spec: { ...spec, preview } }), build).isPreview, true);
  t.match(orderOf(rolloutOf(), build), { commit: null, ref: 'refs/heads/main', deployKey: null });
  t.same(withSecrets(spec, () => null).missing, ['key']);
});

t.test('what steps may mount goes with the order, by the id that the Dockerfile has for it', async (t) => {
  const mounted = { npm: '$' + '{secrets.npm_token}' };
  const mounting = { ...spec, build: { ...build, mounted } };
  const pinned = withSecrets(mounting, (key) => `${key}@2`);
  const order = orderOf(rolloutOf({ spec: pinned.spec }), pinned.spec.build ?? build);
  t.same(order.secrets, { npm: 'shop/npm_token@2' });
  t.same(withSecrets(mounting, () => null).missing, ['key', 'npm_token']);
  t.equal(orderOf(rolloutOf(), build).secrets, undefined);
});

t.test(
  'a deploy builds the head anew, also while another builds; new secrets bring no new code',
  async (t) => {
    const open = rolloutOf({ node: 'n1' });
    const service = aService(spec, { planned: aPlanned({ stable: 1 }) });
    const built = { build: 'b-0', commit: 'a'.repeat(40), node: 'n1' };
    const current = aCurrent({ service, releases: [aRelease(1, spec, { built })], rollout: open });
    const begun = beginDeploy(current, spec, aContext({ id: 'r-2' }));
    t.match(begun, {
      rollout: { id: 'r-2' },
      superseded: { id: 'r-1', state: 'superseded' },
      following: null,
    });
    const renewed = withCommit(begun, commitThatRuns({ ...current, rollout: null }));
    t.match(renewed.rollout?.commit, { sha: 'a'.repeat(40), ref: 'refs/heads/main' });
    const two = [aRelease(1, spec), aRelease(2, spec, { image: { ref: 'x', id: 'sha256:2', digest: null } })];
    const back = beginRollback(
      aCurrent({ service: { ...service, planned: aPlanned({ stable: 2 }) }, releases: two }),
      1,
      aContext(),
    );
    t.equal(withCommit(back, { sha: 'x', ref: 'y' }).rollout?.commit, undefined, 'a rollback builds nothing');
  },
);
