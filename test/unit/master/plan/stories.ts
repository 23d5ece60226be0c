/** Random stories for property tests of the planner: what users do to a service, what fails, and in between time passes. */
import fc from 'fast-check';
import { OrcaError } from '../../../../shared/errors.js';
import type { DeploySpec, ServiceSpec } from '../../../../shared/spec.js';
import { Shop } from './cluster.js';
import { aSpec } from './things.js';

type Event =
  | { kind: 'tick' }
  | { kind: 'deploy'; image: string; replicas: number | null }
  | { kind: 'redeploy' | 'rollback' | 'stop' | 'start' | 'pause' | 'resume' }
  | { kind: 'promote'; weight: number | null }
  | { kind: 'scale'; replicas: number }
  | { kind: 'crash'; index: number }
  | { kind: 'rebalance' }
  | { kind: 'cut' | 'join' | 'drain' | 'undrain'; node: number };

/** Something happens, and then some time passes; `dropped`: the master dies before its first transaction. */
export interface Happening {
  event: Event;
  ticks: number[];
  dropped: boolean;
}

const good = ['good:1', 'good:2', 'good:3', 'slow:1'];
const bad = ['exits:1', 'never:1', 'absent:1', 'unmakeable:1'];
const kinds = <K extends string>(...names: K[]) => fc.record({ kind: fc.constantFrom(...names) });

const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 2, arbitrary: kinds('tick') },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('deploy' as const),
      image: fc.constantFrom(...good, ...good, ...bad),
      replicas: fc.constantFrom(null, null, 1, 3, 5),
    }),
  },
  { weight: 2, arbitrary: kinds('redeploy', 'rollback') },
  { weight: 1, arbitrary: kinds('pause', 'resume', 'rebalance') },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('promote' as const),
      weight: fc.constantFrom(null, null, 0, 7, 100),
    }),
  },
  { weight: 1, arbitrary: kinds('stop', 'start') },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('scale' as const), replicas: fc.integer({ min: 0, max: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), index: fc.nat(9) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('cut' as const, 'join' as const, 'drain' as const, 'undrain' as const),
      node: fc.integer({ min: 1, max: 3 }),
    }),
  },
);

export const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.record({
    event: events,
    ticks: fc.array(fc.integer({ min: 50, max: 1_500 }), { maxLength: 12, size: 'max' }),
    dropped: fc.boolean(),
  }),
  { maxLength: 14, size: 'max' },
);

export interface Setup {
  /** The first release runs before anything happens. */
  isRunning: boolean;
  nodes: number;
  replicas: number;
  isWeb: boolean;
  hasVolume: boolean;
  deploy: Partial<DeploySpec>;
}

export const setups: fc.Arbitrary<Setup> = fc.record({
  isRunning: fc.boolean(),
  nodes: fc.integer({ min: 1, max: 3 }),
  replicas: fc.integer({ min: 0, max: 4 }),
  isWeb: fc.boolean(),
  hasVolume: fc.boolean(),
  deploy: fc.record({
    maxSurge: fc.integer({ min: 0, max: 3 }),
    maxUnavailable: fc.integer({ min: 0, max: 3 }),
    minHealthyMs: fc.constantFrom(0, 1_500),
    drainTimeoutMs: fc.constantFrom(0, 3_000),
    autoRollback: fc.boolean(),
    progressDeadlineMs: fc.constant(20_000),
    strategy: fc.constantFrom('rolling' as const, 'canary' as const),
    canaryReplicas: fc.constantFrom(null, 2),
    canarySteps: fc.constantFrom([], [0], [5, 50], [100]),
    stepMs: fc.constant(2_000),
    autoPromote: fc.boolean(),
    preDeploy: fc.constantFrom(
      null,
      null,
      { command: ['migrates'], timeoutMs: 20_000 },
      { command: ['fails'], timeoutMs: 20_000 },
    ),
  }),
});

/* ---- what happens ---------------------------------------------------------------------------------------------- */

function specOf(setup: Setup, image: string, replicas: number): ServiceSpec {
  const volumes = setup.hasVolume ? [{ name: 'data', path: '/data' }] : [];
  const domains = setup.isWeb ? ['api.example.com'] : [];
  return aSpec({ replicas, domains, container: { image, volumes }, deploy: setup.deploy });
}

/** One whose first release runs, if the setup says so. */
export function aShop(setup: Setup): Shop {
  const spec = specOf(setup, 'good:1', setup.replicas);
  const shop = new Shop(spec, setup.nodes);
  shop.deploy(spec);
  if (setup.isRunning) shop.cluster.settle();
  return shop;
}

/** Lets a story happen; `pass` plans, once after each event and once after each tick. */
export function live(shop: Shop, setup: Setup, story: readonly Happening[], pass: () => void): void {
  for (const { event, ticks, dropped } of story) {
    happen(shop, event, setup);
    if (dropped) shop.cluster.plan(true);
    else pass();
    for (const ms of ticks) {
      shop.cluster.tick(ms);
      pass();
    }
  }
}

function happen(shop: Shop, event: Event, setup: Setup): void {
  const { cluster } = shop;
  switch (event.kind) {
    case 'tick':
      break;
    case 'deploy':
      unlessRefused(() =>
        shop.deploy(specOf(setup, event.image, event.replicas ?? cluster.snapshot.service.replicas)),
      );
      break;
    case 'scale':
      unlessRefused(() => shop.scale(event.replicas));
      break;
    case 'redeploy':
    case 'rollback':
    case 'stop':
    case 'start':
    case 'pause':
    case 'resume':
    case 'rebalance':
      unlessRefused(() => shop[event.kind as 'stop']());
      break;
    case 'promote':
      unlessRefused(() => shop.promote(event.weight));
      break;
    case 'crash': {
      const { allocations } = cluster.snapshot;
      const victim = allocations[event.index % Math.max(1, allocations.length)];
      if (victim) cluster.crash(victim.id);
      break;
    }
    case 'cut':
      if (cluster.hosts.has(`n${event.node}`)) cluster.disconnect(`n${event.node}`);
      break;
    case 'join':
      if (cluster.hosts.has(`n${event.node}`)) cluster.connect(`n${event.node}`);
      break;
    case 'drain':
      if (cluster.hosts.has(`n${event.node}`)) shop.drain(`n${event.node}`);
      break;
    case 'undrain':
      if (cluster.hosts.has(`n${event.node}`)) shop.undrain(`n${event.node}`);
      break;
  }
}

/** A refusal is an answer too. */
export function unlessRefused(request: () => void): void {
  try {
    request();
  } catch (error) {
    if (!(error instanceof OrcaError)) throw error;
  }
}
