import * as fc from 'fast-check';
import t from 'tap';
import { EngineError } from '../../../agent/engine.js';
import { execute } from '../../../agent/execute.js';
import { emptyFacts, type Facts } from '../../../agent/facts.js';
import { networkName } from '../../../agent/labels.js';
import { plan } from '../../../agent/plan.js';
import { pruneFacts } from '../../../agent/prune.js';
import { noSecretFiles } from '../../../agent/secret-files.js';
import type { AllocationAssignment, Assignment } from '../../../shared/protocol.js';
import { type FakeEngine, fakeEngine } from '../../support/fake-engine.js';
import { aContainerSpec, anAllocation, anAssignment, aRequest } from './an.js';

const IDS = ['shop.api.1', 'shop.api.2', 'shop.web.3', 'blog.www.4'];
const START_MS = 1_000_000;

interface Clock {
  nowMs: number;
}

const desiredArb: fc.Arbitrary<AllocationAssignment[]> = fc
  .uniqueArray(
    fc.record({
      id: fc.constantFrom(...IDS),
      desired: fc.constantFrom('running' as const, 'stopped' as const),
      onExit: fc.constantFrom('report' as const, 'replace' as const),
      release: fc.integer({ min: 1, max: 2 }),
    }),
    { selector: ({ id }) => id },
  )
  .map((all) => all.map((a) => anAllocation({ ...a, project: a.id.split('.')[0] ?? '' })));

const seenArb = fc.array(
  fc.record({
    id: fc.constantFrom(...IDS, 'shop.old.9'),
    attempt: fc.integer({ min: 1, max: 3 }),
    level: fc.integer({ min: 0, max: 3 }),
    release: fc.integer({ min: 1, max: 2 }),
    state: fc.constantFrom('created' as const, 'running' as const, 'exited' as const),
    upMs: fc.integer({ min: 0, max: 20_000 }),
    isForeign: fc.boolean(),
  }),
  { maxLength: 8 },
);
type Seen = typeof seenArb extends fc.Arbitrary<infer T> ? T : never;

/** Puts containers there as earlier agents, crashes and other clusters may have left them: at most one runs each. */
async function settle(engine: FakeEngine, seen: Seen, clock: Clock): Promise<void> {
  engine.images.set('app:1', { id: 'sha256:app1', digest: null });
  const running = new Set<string>();
  for (const { id, attempt, level, release, state, upMs, isForeign } of seen) {
    const cluster = isForeign ? 'other' : 'test';
    const project = id.split('.')[0] ?? '';
    const allocation = anAllocation({ id, project, release, container: aContainerSpec() });
    const network = networkName(cluster, project);
    if (![...engine.heldNetworks.keys()].includes(network))
      await engine.createNetwork(cluster, project, network);
    const made = await engine
      .create(aRequest({ cluster, allocation, network, attempt, level }))
      .catch(() => null);
    if (made === null || state === 'created' || running.has(`${cluster} ${id}`)) continue;
    clock.nowMs = START_MS - upMs;
    await engine.start(made);
    clock.nowMs = START_MS;
    if (state === 'exited') engine.die(made, 1);
    else running.add(`${cluster} ${id}`);
  }
  engine.calls.length = 0;
}

async function look(engine: FakeEngine, facts: Facts, cluster: string): Promise<void> {
  facts.containers = new Map((await engine.containers(cluster)).map((c) => [c.id, c]));
  facts.networks = new Map((await engine.networks(cluster)).map((n) => [n.name, n]));
  facts.tags = await engine.keptTags();
}

/** Runs the plan on the engine until there is nothing to do; the clock goes on to the next wake-up. Answers the rounds. */
async function converge(engine: FakeEngine, assignment: Assignment, clock: Clock): Promise<number> {
  const facts = emptyFacts();
  for (let round = 1; round <= 60; round += 1) {
    await look(engine, facts, assignment.cluster);
    pruneFacts(facts, assignment, new Map());
    const { steps, wakeAtMs } = plan(assignment, facts, clock.nowMs);
    if (steps.length === 0 && wakeAtMs === null) return round;
    if (steps.length === 0) clock.nowMs = Math.max(clock.nowMs, wakeAtMs ?? 0);
    for (const step of steps) {
      await execute(step, {
        engine,
        facts,
        cluster: assignment.cluster,
        publishAddress: '127.0.0.1',
        dnsFor: () => null,
        secretFiles: noSecretFiles,
        mountLock: { home: '/var/lib/orca', folders: null },
        carrier: () => ({ fetch: async () => undefined }),
        builder: null,
        refresh: async () => undefined,
        onProgress: () => undefined,
      }).catch((error: unknown) => {
        if (!(error instanceof EngineError)) throw error;
        if (step.kind === 'create-container') facts.attempts.set(step.allocation.id, step.attempt);
      });
    }
  }
  return Number.POSITIVE_INFINITY;
}

function snapshotOf(engine: FakeEngine, cluster: string): unknown {
  return [...engine.held.values()].filter((c) => c.cluster === cluster);
}

t.test('from anything there is to anything wanted: bounded steps, then nothing to do', async (t) => {
  await fc.assert(
    fc.asyncProperty(desiredArb, seenArb, async (allocations, seen) => {
      const clock = { nowMs: START_MS };
      const engine = fakeEngine(() => clock.nowMs);
      await settle(engine, seen, clock);
      const foreign = JSON.stringify(snapshotOf(engine, 'other'));
      const rounds = await converge(engine, anAssignment({ allocations }), clock);
      if (rounds > 40) throw new Error(`not done after ${rounds} rounds`);
      if ([...engine.mostRunning.values()].some((most) => most > 1)) throw new Error('two ran at a time');
      if (JSON.stringify(snapshotOf(engine, 'other')) !== foreign) throw new Error('touched another cluster');
      const left = [...engine.held.values()].filter((c) => c.cluster === 'test');
      for (const allocation of allocations) {
        const own = left.filter((c) => c.allocation === allocation.id);
        const isJudged = allocation.onExit === 'report' && own[0]?.state === 'exited';
        if (allocation.desired === 'stopped' ? own.length !== 0 : own.length !== 1) throw new Error('count');
        if (allocation.desired === 'running' && own[0]?.state !== 'running' && !isJudged)
          throw new Error('state');
      }
      const wanted = new Set(allocations.map(({ id }) => id));
      if (left.some((c) => !wanted.has(c.allocation))) throw new Error('an orphan was left');
    }),
    { numRuns: 300 },
  );
  t.pass();
});

t.test('the order of what comes in does not matter', async (t) => {
  await fc.assert(
    fc.asyncProperty(desiredArb, seenArb, async (allocations, seen) => {
      const clock = { nowMs: START_MS };
      const engine = fakeEngine(() => clock.nowMs);
      await settle(engine, seen, clock);
      const facts = emptyFacts();
      await look(engine, facts, 'test');
      const turned = { ...facts, containers: new Map([...facts.containers].reverse()) };
      const sorted = (assignment: Assignment, f: Facts): string[] =>
        plan(assignment, f, START_MS)
          .steps.map((step) => JSON.stringify(step))
          .sort();
      const one = sorted(anAssignment({ allocations }), facts);
      const other = sorted(anAssignment({ allocations: [...allocations].reverse() }), turned);
      if (one.join() !== other.join()) throw new Error(`${one.join()} is not ${other.join()}`);
    }),
    { numRuns: 200 },
  );
  t.pass();
});
