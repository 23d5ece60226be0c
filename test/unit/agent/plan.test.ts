import t from 'tap';
import { afterExit, backoffMs } from '../../../agent/backoff.js';
import type { ObservedContainer } from '../../../agent/engine.js';
import { emptyFacts, type Facts } from '../../../agent/facts.js';
import { plan } from '../../../agent/plan.js';
import type { AllocationAssignment, Assignment } from '../../../shared/protocol.js';
import { aContainer, anAllocation, anAssignment } from './an.js';

const network = { id: 'n1', name: 'orca-test-shop', project: 'shop', subnet: '172.18.0.0/16' };

function factsWith(...containers: ObservedContainer[]): Facts {
  const facts = emptyFacts();
  facts.networks.set(network.name, network);
  for (const container of containers) facts.containers.set(container.id, container);
  return facts;
}

function planOf(allocation: AllocationAssignment, facts: Facts, nowMs = 100_000) {
  const { steps, allocations, wakeAtMs } = plan(anAssignment({ allocations: [allocation] }), facts, nowMs);
  return { kinds: steps.map(({ kind }) => kind), steps, shown: allocations[0], wakeAtMs };
}

const exited = (
  allocation: AllocationAssignment,
  overrides: Partial<ObservedContainer> = {},
): ObservedContainer =>
  aContainer(allocation, {
    state: 'exited',
    exitCode: 1,
    startedAtMs: 99_000,
    finishedAtMs: 99_400,
    ...overrides,
  });

t.test('without an assignment nothing is touched', async (t) => {
  t.same(plan(null, factsWith(aContainer(anAllocation())), 0).steps, []);
});

t.test('a new allocation gets its network first, then a container, then a start', async (t) => {
  const allocation = anAllocation();
  t.same(planOf(allocation, emptyFacts()).kinds, ['create-network']);
  t.same(planOf(allocation, factsWith()).kinds, ['create-container']);
  const created = aContainer(allocation, { state: 'created', startedAtMs: null });
  t.same(planOf(allocation, factsWith(created)).kinds, ['start-container']);
  t.equal(planOf(allocation, factsWith(created)).shown?.state, 'starting');
});

t.test('a running container is shown as its health says', async (t) => {
  const allocation = anAllocation();
  const facts = factsWith(aContainer(allocation));
  t.match(planOf(allocation, facts), { kinds: [], shown: { state: 'starting' } });
  facts.health.set('shop.api.1#1', { phase: 'ready', reason: null, condemned: null });
  t.match(planOf(allocation, facts), { kinds: [], shown: { state: 'ready', reason: null } });
  facts.health.set('shop.api.1#1', { phase: 'unready', reason: 'answered 500', condemned: null });
  t.match(planOf(allocation, facts), { kinds: [], shown: { state: 'unready', reason: 'answered 500' } });
});

t.test('a failed liveness replaces the container, and says so', async (t) => {
  const allocation = anAllocation();
  const facts = factsWith(aContainer(allocation));
  facts.health.set('shop.api.1#1', { phase: 'ready', reason: null, condemned: 'liveness failed: no answer' });
  const planned = planOf(allocation, facts);
  t.same(planned.kinds, ['stop-container']);
  t.equal(planned.shown?.reason, 'liveness failed: no answer; being replaced');
});

t.test('a job that is stopped tells its last lines before it is gone', async (t) => {
  const job = anAllocation({ group: 'job', desired: 'stopped' });
  t.match(planOf(job, factsWith(aContainer(job))), {
    kinds: ['stop-container'],
    shown: { state: 'stopping' },
  });
  const facts = factsWith(exited(job, { exitCode: 143 }));
  t.match(planOf(job, facts), { kinds: ['read-logs'], shown: { state: 'stopping' } });
  facts.logs.set('shop.api.1#1', []);
  facts.lastExits.set(job.id, { container: 'shop.api.1#1', exitCode: 143, lines: ['table 4 of 9'] });
  t.same(planOf(job, facts).kinds, ['remove-container']);
  facts.containers.clear();
  t.match(planOf(job, facts), { kinds: [], shown: { state: 'gone', lastLogs: ['table 4 of 9'] } });
  const replica = anAllocation({ desired: 'stopped' });
  t.same(planOf(replica, factsWith(exited(replica))).kinds, ['remove-container']);
});

t.test('an exit that a rollout judges is only reported, with its last words', async (t) => {
  const allocation = anAllocation({ onExit: 'report' });
  const facts = factsWith(exited(allocation));
  const planned = planOf(allocation, facts);
  t.same(planned.kinds, ['read-logs']);
  t.match(planned.shown, { state: 'starting', reason: 'exited with 1 after 0.4 s; reading its last lines' });
  facts.logs.set('shop.api.1#1', ['oh no']);
  facts.lastExits.set(allocation.id, { container: 'shop.api.1#1', exitCode: 1, lines: ['oh no'] });
  t.match(planOf(allocation, facts), {
    kinds: [],
    shown: { state: 'exited', exitCode: 1, reason: 'exited with 1 after 0.4 s', lastLogs: ['oh no'] },
  });
});

t.test('a container that had been up for 10 s is replaced at once, beside clearing it away', async (t) => {
  const allocation = anAllocation();
  const facts = factsWith(exited(allocation, { startedAtMs: 80_000, level: 4 }));
  const { steps, kinds } = planOf(allocation, facts, 99_401);
  t.same(kinds, ['create-container', 'read-logs']);
  t.match(steps[0], { attempt: 2, level: 0 });
});

t.test('quick exits back off: 1 s doubling to 60 s, carried in the label', async (t) => {
  t.same([0, 1, 2, 3, 6, 7, 50].map(backoffMs), [0, 1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
  const allocation = anAllocation();
  const facts = factsWith(exited(allocation, { level: 2, attempt: 3 }));
  const waiting = planOf(allocation, facts, 100_000);
  t.same(waiting.kinds, ['read-logs']);
  t.equal(waiting.wakeAtMs, 99_400 + 4_000);
  t.match(waiting.shown, {
    state: 'pending',
    restarts: 2,
    reason: 'exited with 1 after 0.4 s; next start 4 s after that',
  });
  const due = planOf(allocation, facts, 103_400);
  t.match(due.steps[0], { kind: 'create-container', attempt: 4, level: 3 });
});

t.test('fixed ports are waited for until Docker has freed them, and not for ever', async (t) => {
  const extraPorts = [{ host: 2222, container: 22, protocol: 'tcp' as const }];
  const allocation = anAllocation({ container: { extraPorts } });
  const ports = [{ container: 22, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 2222 }];
  const held = factsWith(exited(allocation, { startedAtMs: 0, ports }));
  const waiting = planOf(allocation, held, 99_500);
  t.match(waiting, { kinds: ['read-logs'], wakeAtMs: 104_400, shown: { reason: /freed its ports/ } });
  t.same(planOf(allocation, held, 104_400).kinds, ['create-container', 'read-logs']);
  const freed = factsWith(exited(allocation, { startedAtMs: 0, ports: [] }));
  t.same(planOf(allocation, freed, 99_500).kinds, ['create-container', 'read-logs']);
});

t.test('an exit in the future (the clock was set back) is not waited for', async (t) => {
  const exit = { level: 0, createdAtMs: 0, startedAtMs: 999_000, finishedAtMs: 999_500 };
  t.equal(afterExit(exit, 1_000).dueMs, 1_000);
});

t.test('of two containers of one allocation the running one stays; the newest attempt wins', async (t) => {
  const allocation = anAllocation();
  const [first, second] = [aContainer(allocation), aContainer(allocation, { attempt: 2 })];
  t.match(planOf(allocation, factsWith(first, second)).steps, [
    { kind: 'stop-container', id: first.id, key: `container:${first.id}` },
  ]);
  const created = aContainer(allocation, { attempt: 2, state: 'created', startedAtMs: null });
  t.match(planOf(allocation, factsWith(first, created)).steps, [
    { kind: 'remove-container', id: created.id },
  ]);
});

t.test('a stopped allocation is stopped, removed, and gone', async (t) => {
  const allocation = anAllocation({ desired: 'stopped', stopGraceMs: 7_000 });
  const running = planOf(allocation, factsWith(aContainer(allocation)));
  t.match(running.steps, [{ kind: 'stop-container', graceMs: 7_000 }]);
  t.match(running.shown, { state: 'stopping', reason: 'asked to stop; it is killed 7 s after that' });
  t.match(planOf(allocation, factsWith(exited(allocation))).kinds, ['remove-container']);
  t.match(planOf(allocation, factsWith()), { kinds: [], shown: { state: 'gone', reason: null } });
});

t.test('what nobody assigned is stopped and removed; another cluster is never touched', async (t) => {
  const orphan = aContainer(anAllocation({ id: 'shop.old.9' }));
  const foreign = aContainer(anAllocation({ id: 'shop.x.1' }), { cluster: 'other' });
  const facts = factsWith(orphan, foreign);
  const kinds = (assignment: Assignment): string[] =>
    plan(assignment, facts, 0).steps.map((s) => `${s.kind} ${'id' in s ? s.id : ''}`);
  t.same(kinds(anAssignment()), [`stop-container ${orphan.id}`]);
  facts.containers.set(orphan.id, { ...orphan, state: 'exited' });
  t.same(kinds(anAssignment()), [`remove-container ${orphan.id}`]);
  facts.containers.delete(orphan.id);
  t.same(kinds(anAssignment()), ['remove-network n1']);
});

t.test('a missing image is pulled with its percent shown; others wait on the same pull', async (t) => {
  const facts = factsWith();
  facts.missing.add('sha256:app1');
  facts.percents.set('image:sha256:app1', 43);
  const two = [anAllocation(), anAllocation({ id: 'shop.api.2' })];
  const { steps, allocations } = plan(anAssignment({ allocations: two }), facts, 0);
  t.match(steps, [{ kind: 'resolve-image', imageId: 'sha256:app1', want: null }]);
  t.same(
    allocations.map(({ state, reason }) => `${state}: ${reason}`),
    ['pulling: pulling app:1 43 %', 'pulling: pulling app:1 43 %'],
  );
});

t.test(
  'what the engine refused is failed in its words; it is tried again only outside of a rollout',
  async (t) => {
    const failure = { message: 'port is already allocated', count: 1, atMs: 99_500 };
    const refused = (onExit: 'report' | 'replace', nowMs: number) => {
      const allocation = anAllocation({ onExit });
      const facts = factsWith(aContainer(allocation, { state: 'created', startedAtMs: null }));
      facts.failures.set('allocation:shop.api.1', failure);
      return planOf(allocation, facts, nowMs);
    };
    t.match(refused('report', 200_000), {
      kinds: [],
      shown: { state: 'failed', reason: 'port is already allocated' },
    });
    t.match(refused('replace', 100_000), { kinds: [], wakeAtMs: 100_500 });
    t.match(refused('replace', 100_500), { kinds: ['start-container'], shown: { state: 'failed' } });
  },
);

t.test('a container of an earlier allocation with the same id is replaced', async (t) => {
  const allocation = anAllocation();
  const facts = factsWith(aContainer(allocation, { fingerprint: 'another' }));
  t.same(planOf(allocation, facts).kinds, ['stop-container']);
});

t.test('attempts go on where a container that was removed by hand left off', async (t) => {
  const facts = factsWith();
  facts.attempts.set('shop.api.1', 4);
  t.match(planOf(anAllocation(), facts).steps, [{ kind: 'create-container', attempt: 5, level: 0 }]);
});

t.test('an image want is resolved once; its failure is reported and final', async (t) => {
  const facts = factsWith();
  const want = { id: 'r1', ref: 'app:2', pull: 'always' as const, imageId: 'sha256:2' };
  const assignment = anAssignment({ images: [want], allocations: [anAllocation()] });
  facts.containers.set('x', aContainer(anAllocation()));
  const now = () => plan(assignment, facts, 0);
  t.match(now().steps, [
    { kind: 'resolve-image', want: 'r1', ref: 'app:2', pull: 'always', imageId: 'sha256:2' },
  ]);
  facts.percents.set('image:r1', 12);
  t.match(now().images, [{ id: 'r1', state: 'pulling', percent: 12 }]);
  facts.failures.set('image:r1', { message: 'no such tag', count: 1, atMs: 0 });
  t.match(now(), { steps: [], images: [{ state: 'failed', reason: 'no such tag' }] });
  facts.resolved.set('r1', { id: 'sha256:2', digest: 'app@sha256:d' });
  t.match(now().images, [{ state: 'ready', imageId: 'sha256:2', digest: 'app@sha256:d' }]);
});

t.test("kept images are tagged; of other tags only this cluster's own are taken off", async (t) => {
  const facts = factsWith();
  facts.tags = new Map([
    ['orca.local/shop/api:v1', 'sha256:1'],
    ['orca.local/shop/api:v2', 'sha256:other'],
    ['orca.local/else/web:v1', 'sha256:9'],
  ]);
  facts.ownTags = new Set(['orca.local/shop/api:v1', 'orca.local/shop/api:v2']);
  const keep = [{ tag: 'orca.local/shop/api:v2', imageId: 'sha256:2' }];
  const { steps } = plan(
    anAssignment({ keep, allocations: [anAllocation({ desired: 'stopped' })] }),
    facts,
    0,
  );
  t.match(steps, [
    { kind: 'tag-image', tag: 'orca.local/shop/api:v2', imageId: 'sha256:2' },
    { kind: 'untag-image', tag: 'orca.local/shop/api:v1' },
  ]);
});
