import t from 'tap';
import { planService } from '../../../../master/plan/plan.js';
import type { Action, ServiceSnapshot } from '../../../../master/plan/snapshot.js';
import type { Allocation } from '../../../../shared/model.js';
import type { AllocationObserved, Traffic } from '../../../../shared/protocol.js';
import {
  aNode,
  anAllocation,
  anObserved,
  aPlanned,
  aRelease,
  aRollout,
  aService,
  aSnapshot,
  aSpec,
  aView,
} from './things.js';

const v1 = aRelease(1);
const v2 = aRelease(2, aSpec({ container: { image: 'good:2' } }));

function anUp(number: number, change: Partial<Allocation> = {}): Allocation {
  return anAllocation(number, { desired: 'routed', observed: anObserved('ready'), ...change });
}

/** Three replicas of v1 on a node whose ingress routes to all that is desired routed. */
function aRunning(change: Partial<ServiceSnapshot> & { planned?: object } = {}): ServiceSnapshot {
  const allocations = change.allocations ?? [anUp(1), anUp(2), anUp(3)];
  const traffic: Traffic[] = allocations
    .filter((a) => a.desired === 'routed')
    .map((a) => ({ allocation: a.id, state: 'routed', inFlight: 0, reason: null }));
  const ingressObserved = {
    revision: 1,
    caddy: 'running' as const,
    caddyVersion: null,
    resolver: 'running' as const,
    reason: null,
    traffic,
    weights: [],
  };
  const planned = aPlanned({ stable: 1, nextRelease: 3, nextAllocation: 10, ...change.planned });
  return aSnapshot({
    service: aService(aSpec(), { planned }),
    releases: [v1, v2],
    allocations,
    nodes: [aView(aNode('n1', { ingressObserved }))],
    ...change,
  });
}

const rolling = aRollout({ state: 'rolling', release: 2, from: 1, spec: v2.spec });

const desires = (actions: Action[]) =>
  actions.flatMap((a) => (a.kind === 'set-desired' ? [`${a.id} ${a.desired}`] : []));
const kinds = (actions: Action[]) => actions.map((action) => action.kind);

t.test('what is as it should be needs nothing and waits for nothing', async (t) => {
  t.same(planService(aRunning(), 2_000_000), { actions: [], waits: [], wakeAtMs: null });
});

t.test('a crashed container is its agent’s to replace: nothing is made in its place', async (t) => {
  const observed: AllocationObserved = anObserved('pending', {
    restarts: 3,
    reason: 'exited with 1 after 0.4 s; next start 4 s after that',
  });
  const plan = planService(aRunning({ allocations: [anUp(1), anUp(2, { observed }), anUp(3)] }), 2_000_000);
  t.same(kinds(plan.actions), []);
  t.same(plan.waits, ['shop.api.2 is pending: exited with 1 after 0.4 s; next start 4 s after that']);
});

t.test('a node that is away is waited for: nothing is doubled', async (t) => {
  const away = aRunning();
  const nodes = away.nodes.map((view) => aView({ ...view.node, connectedAtMs: null, reported: false }));
  const plan = planService({ ...away, nodes: [...nodes, aView(aNode('n2'))] }, 2_000_000);
  t.same(kinds(plan.actions), []);
  t.match(plan.waits, ['shop.api.1: host-n1 is not connected']);
});

t.test('a slot that cannot be filled says what each node lacks', async (t) => {
  const running = aRunning({ allocations: [anUp(1), anUp(2)] });
  const nodes = running.nodes.map((view) => aView({ ...view.node, cordoned: true }));
  const plan = planService({ ...running, nodes }, 2_000_000);
  t.match(plan.waits, ["slot 2 of v1 can't be placed: 1 node: 1 cordoned"]);
});

t.test('a broken old allocation is left alone until a new one serves', async (t) => {
  const broken = anUp(1, { observed: anObserved('starting', { restarts: 1 }) });
  const fresh = anAllocation(4, {
    slot: 0,
    release: 2,
    observed: anObserved('starting'),
    createdAtMs: 1_000_001,
  });
  const before = aRunning({ allocations: [broken, anUp(2), anUp(3), fresh], rollout: rolling });
  t.same(desires(planService(before, 1_000_002).actions), []);
  const serving = { ...fresh, desired: 'routed' as const, observed: anObserved('ready') };
  const after = aRunning({ allocations: [broken, anUp(2), anUp(3), serving], rollout: rolling });
  t.same(desires(planService(after, 1_000_002).actions), ['shop.api.1 draining']);
});

t.test('an ingress that has lost its word for a moment makes nothing broken', async (t) => {
  const third = anUp(4, { slot: 0, release: 7 });
  const snapshot = aRunning({
    allocations: [anUp(1), anUp(2), anUp(3), third],
    rollout: rolling,
    releases: [v1, v2, aRelease(7)],
  });
  const nodes = snapshot.nodes.map((view) =>
    aView({ ...view.node, ingressObserved: { ...must(view.node.ingressObserved), traffic: [] } }),
  );
  t.same(desires(planService({ ...snapshot, nodes }, 1_000_002).actions), []);
});

t.test('a deadline is not held against a rollout while no node can be heard', async (t) => {
  const fresh = anAllocation(4, { slot: 0, release: 2, createdAtMs: 1_000_001 });
  const snapshot = aRunning({ allocations: [anUp(1), anUp(2), anUp(3), fresh], rollout: rolling });
  const nodes = snapshot.nodes.map((view) => aView({ ...view.node, reported: false }));
  const put = (plan: { actions: Action[] }) => plan.actions.find((a) => a.kind === 'put-rollout');
  t.match(put(planService({ ...snapshot, nodes }, 9_000_000)), { rollout: { state: 'rolling' } });
  t.match(put(planService(snapshot, 9_000_000)), { rollout: { state: 'failed' } });
});

t.test('a rollout waits for what it depends on, by name', async (t) => {
  const spec = aSpec({ dependsOn: ['db', 'cache'] });
  const image = {
    id: 'r1',
    state: 'ready' as const,
    percent: null,
    imageId: 'sha256:x',
    digest: null,
    reason: null,
  };
  const snapshot = aSnapshot({
    service: aService(spec),
    rollout: aRollout({ spec, node: 'n1' }),
    nodes: [aView(aNode('n1', { images: [image] }))],
    siblings: [{ name: 'db', ready: 0 }],
  });
  t.same(planService(snapshot, 1_000_001).waits, [
    'waits for db: none of its allocations is ready',
    'waits for cache: no such service in project shop',
  ]);
  const siblings = ['db', 'cache'].map((name) => ({ name, ready: 1 }));
  t.ok(kinds(planService({ ...snapshot, siblings }, 1_000_001).actions).includes('create-allocation'));
});

t.test('a pull shows how far it is', async (t) => {
  const image = {
    id: 'r1',
    state: 'pulling' as const,
    percent: 43.2,
    imageId: null,
    digest: null,
    reason: null,
  };
  const snapshot = aSnapshot({ rollout: aRollout(), nodes: [aView(aNode('n1', { images: [image] }))] });
  t.same(planService(snapshot, 1_000_001).waits, ['image good:1 pulling 43 % on host-n1']);
});

t.test('a drain whose deadline passes is told with what was in flight', async (t) => {
  const draining = anUp(4, { slot: 3, desired: 'draining', drainingSinceMs: 1_000_000 });
  const snapshot = aRunning({ allocations: [anUp(1), anUp(2), anUp(3), draining] });
  const nodes = snapshot.nodes.map((view) => {
    const observed = must(view.node.ingressObserved);
    const late: Traffic = { allocation: draining.id, state: 'draining', inFlight: 2, reason: null };
    return aView({ ...view.node, ingressObserved: { ...observed, traffic: [...observed.traffic, late] } });
  });
  t.equal(planService({ ...snapshot, nodes }, 1_029_999).wakeAtMs, 1_030_000);
  const { actions } = planService({ ...snapshot, nodes }, 1_030_000);
  t.same(desires(actions), ['shop.api.4 stopped']);
  t.match(
    actions.find((a) => a.kind === 'event'),
    {
      event: { message: 'shop.api.4: its drain deadline passed with 2 in flight' },
    },
  );
});

t.test('min_healthy_secs is waited for, and wakes the planner', async (t) => {
  const spec = aSpec({ deploy: { minHealthyMs: 5_000 } });
  const fresh = anAllocation(4, {
    slot: 0,
    release: 2,
    observed: anObserved('ready', { sinceMs: 1_000_000 }),
  });
  const snapshot = { ...aRunning({ allocations: [anUp(1), anUp(2), anUp(3), fresh], rollout: rolling }) };
  const service = { ...snapshot.service, spec };
  const early = planService({ ...snapshot, service }, 1_004_999);
  t.equal(early.wakeAtMs, 1_005_000);
  t.same(desires(early.actions), []);
  t.same(desires(planService({ ...snapshot, service }, 1_005_000).actions), ['shop.api.4 routed']);
});

t.test('the newest ten releases are kept, and whatever is still in use', async (t) => {
  const releases = Array.from({ length: 14 }, (_, i) => aRelease(i + 1));
  const leaving = anAllocation(4, {
    slot: 3,
    release: 2,
    desired: 'stopped',
    observed: anObserved('stopping'),
  });
  const snapshot = aRunning({ releases, allocations: [anUp(1), anUp(2), anUp(3), leaving] });
  const { actions } = planService(snapshot, 2_000_000);
  t.same(
    actions.flatMap((a) => (a.kind === 'delete-release' ? [a.number] : [])),
    [4, 3],
  );
});

function must<T>(value: T | null): T {
  if (value === null) throw new Error('is null');
  return value;
}
