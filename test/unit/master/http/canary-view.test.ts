import t from 'tap';
import { rolloutSummary, waitsForPromote } from '../../../../master/http/rollout-view.js';
import { type ServiceFacts, serviceStatus } from '../../../../master/http/status-view.js';
import type { Verdict } from '../../../../shared/model-life.js';
import {
  aCanary,
  aCount,
  aNode,
  anAllocation,
  anObserved,
  aRelease,
  aRollout,
  aService,
  aSpec,
} from '../../../support/a-model.js';

const withCanary = (deploy: object = {}) =>
  aService(
    { planned: { ...aService().planned, canaryWeight: 20 } },
    { deploy: { strategy: 'canary', ...deploy } },
  );
const inCanary = aRollout({
  state: 'canary',
  release: 2,
  from: 1,
  reason: 'canary v2 at 20 %: promote or roll back',
  spec: aSpec({ deploy: { strategy: 'canary' } }),
  canary: aCanary(),
});
const canaryAllocation = anAllocation({ id: 'shop.api.2', group: 'canary', release: 2 });
const traffic = (...ids: string[]): ServiceFacts['traffic'] =>
  new Map(ids.map((id) => [id, { allocation: id, state: 'routed', inFlight: 0, reason: null }]));
const facts = (more: Partial<ServiceFacts> = {}): ServiceFacts => ({
  service: aService({ planned: { ...aService().planned, canaryWeight: 20 } }),
  stable: aRelease(),
  rollout: inCanary,
  allocations: [anAllocation(), canaryAllocation],
  held: new Set(),
  nodes: new Map([['n-1', aNode()]]),
  traffic: traffic('shop.api.1', 'shop.api.2'),
  weights: new Map([['shop/api', 20]]),
  figures: [],
  heardAtMs: () => 4_000,
  inFlight: () => null,
  httpPort: 80,
  httpsPort: 443,
  pending: [],
  storeProblem: null,
  ...more,
});

t.test('a service with a canary is deploying, with the words of its rollout', async (t) => {
  t.match(serviceStatus(facts()), {
    status: 'deploying',
    reason: 'canary v2 at 20 %: promote or roll back',
    replicas: 1,
    running_replicas: 1,
    groups: {
      stable: { release: 'v1', weight: 80, wanted_weight: 80, ready: 1, wanted: 1 },
      canary: { release: 'v2', weight: 20, wanted_weight: 20, ready: 1, wanted: 1 },
    },
  });
  const next = aRollout({ id: 'r-2', state: 'pre_deploy', release: 3, replaces: inCanary });
  t.equal(serviceStatus(facts({ rollout: next })).running_replicas, 1, 'also while the next one prepares');
});

t.test(
  'the weight that is shown is the one in force, beside the wanted one and why they differ',
  async (t) => {
    const { planned } = aService();
    const moving = { ...inCanary, canary: aCanary({ weight: 50, inForceSinceMs: null }) };
    const told = aService({ planned: { ...planned, canaryWeight: 50 } });
    t.match(serviceStatus(facts({ rollout: moving, service: told })).groups, {
      stable: { weight: 80, wanted_weight: 50, weight_reason: 'the ingress on one has not said so yet' },
      canary: { weight: 20, wanted_weight: 50, weight_reason: 'the ingress on one has not said so yet' },
    });
    t.match(serviceStatus(facts({ rollout: moving })).groups.canary, {
      weight: 20,
      weight_reason: 'it gets more when all of its copies serve',
    });
    const held = { ...moving, paused: { by: 'ann', atMs: 0 } };
    t.match(serviceStatus(facts({ rollout: held })).groups.canary, { weight_reason: 'held by ann' });
    t.match(serviceStatus(facts({ weights: new Map() })).groups, {
      stable: { weight: 100, wanted_weight: 80 },
      canary: {
        weight: 0,
        wanted_weight: 20,
        weight_reason: 'no ingress has said yet which share is in force',
      },
    });
    t.match(serviceStatus(facts()).groups.canary, { weight_reason: null });
  },
);

t.test('a group none of which serves gets nothing, whatever its share', async (t) => {
  const starting = { ...canaryAllocation, desired: 'running', observed: anObserved({ state: 'starting' }) };
  const dead = { ...canaryAllocation, observed: anObserved({ state: 'exited' }) };
  for (const [what, more] of [
    ['starting', { allocations: [anAllocation(), starting as typeof canaryAllocation] }],
    ['dead', { allocations: [anAllocation(), dead] }],
    ['not routed', { traffic: traffic('shop.api.1') }],
    ['draining', { allocations: [anAllocation(), { ...canaryAllocation, desired: 'draining' as const }] }],
  ] as const)
    t.match(
      serviceStatus(facts(more as Partial<ServiceFacts>)).groups,
      {
        stable: { weight: 100, wanted_weight: 80 },
        canary: { weight: 0, wanted_weight: 20, weight_reason: 'none of its copies serves' },
      },
      what,
    );
  const alone = [anAllocation({ observed: anObserved({ state: 'exited' }) }), canaryAllocation];
  t.match(serviceStatus(facts({ allocations: alone })).groups, {
    stable: { weight: 0, wanted_weight: 80 },
    canary: { weight: 100, weight_reason: 'none of stable serves' },
  });
  const away = new Map([['n-1', aNode({ connectedAtMs: null })]]);
  t.match(serviceStatus(facts({ allocations: [anAllocation(), dead], nodes: away })).groups.canary, {
    weight_reason: 'no ingress node is connected (one)',
  });
});

t.test('what a promotion that failed rolls back from is wanted no more', async (t) => {
  const rollout = { ...inCanary, state: 'rolling_back', canary: aCanary({ weight: 100 }) } as const;
  const service = aService({ planned: { ...aService().planned, canaryWeight: 100 } });
  const stable = anAllocation({ observed: anObserved({ state: 'starting' }) });
  t.match(
    serviceStatus(
      facts({
        rollout,
        service,
        allocations: [stable, canaryAllocation],
        weights: new Map([['shop/api', 100]]),
      }),
    ).groups,
    {
      stable: { weight: 0, wanted_weight: 100 },
      canary: { weight: 100, wanted_weight: 0, weight_reason: 'stable has to serve again first' },
    },
  );
});

t.test(
  'a canary that is about to start is a group already; one that is stable is none any more',
  async (t) => {
    t.match(serviceStatus(facts({ allocations: [anAllocation()] })).groups.canary, {
      release: 'v2',
      ready: 0,
      wanted: 1,
    });
    const planned = { ...aService().planned, stable: 2 };
    const done = { ...inCanary, state: 'succeeded', endedAtMs: 9 } as const;
    const after = serviceStatus(
      facts({ service: aService({ planned }), rollout: done, allocations: [canaryAllocation] }),
    );
    t.match(after, {
      status: 'running',
      running_replicas: 1,
      groups: { stable: { release: 'v2', weight: 100, ready: 1 }, canary: null },
    });
    const gone = aRollout({ ...inCanary, state: 'failed', endedAtMs: 9 });
    const leaving = { ...canaryAllocation, desired: 'stopped' } as const;
    t.equal(
      serviceStatus(facts({ rollout: gone, allocations: [anAllocation(), leaving] })).groups.canary,
      null,
    );
  },
);

t.test('while it is promoted its copies count as replicas', async (t) => {
  const rollout = { ...inCanary, state: 'promoting' } as const;
  t.equal(serviceStatus(facts({ rollout })).running_replicas, 2);
});

t.test('what each release answered is added up over the ingresses', async (t) => {
  const figures = [
    aCount(1, 90, 10),
    aCount(1, 100, 0, { source: 'n-2|e1' }),
    aCount(2, 0, 0),
    aCount(7, 5, 5),
  ];
  const { stable, canary } = serviceStatus(facts({ figures })).groups;
  t.match(stable?.traffic, {
    requests: 200,
    error_rate: 5,
    status: { '1xx': 0, '2xx': 190, '3xx': 0, '4xx': 0, '5xx': 10 },
  });
  t.ok(Math.abs((stable?.traffic?.p50_ms ?? 0) - 10) <= 1);
  t.ok(Math.abs((stable?.traffic?.p99_ms ?? 0) - 100) <= 10);
  t.match(canary?.traffic, { requests: 0, error_rate: null, p50_ms: null, p95_ms: null });
  t.equal(serviceStatus(facts()).groups.canary?.traffic, null, 'null where nobody counts');
});

t.test(
  'a held rollout and a service in maintenance are paused, and say by whom and since when',
  async (t) => {
    const held = { ...inCanary, paused: { by: 'ann', atMs: 0 } };
    t.match(serviceStatus(facts({ rollout: held })), {
      status: 'paused',
      reason: 'paused by ann; canary v2 at 20 %: promote or roll back',
      rollout: { paused: { by: 'ann', at: '1970-01-01T00:00:00.000Z' } },
    });
    const service = aService({ maintenance: { message: 'back at noon', by: 'ann', sinceMs: 0 } });
    t.match(serviceStatus(facts({ service })), {
      status: 'paused',
      reason: 'in maintenance by ann: back at noon',
      maintenance: { message: 'back at noon', by: 'ann', since: '1970-01-01T00:00:00.000Z' },
    });
    t.equal(
      serviceStatus(facts({ service: { ...service, desired: 'stopped' }, rollout: null })).status,
      'stopped',
    );
    t.equal(serviceStatus(facts()).maintenance, null);
  },
);

t.test('a job is shown, but is no replica and no trouble', async (t) => {
  const job = anAllocation({
    id: 'shop.api.9',
    group: 'job',
    release: 2,
    observed: anObserved({ state: 'exited', reason: 'exited with 0', exitCode: 0 }),
  });
  const rollout = aRollout({ state: 'succeeded', endedAtMs: 9 });
  t.match(serviceStatus(facts({ rollout, allocations: [anAllocation(), job] })), {
    status: 'running',
    reason: null,
    running_replicas: 1,
    groups: { stable: { ready: 1 }, canary: null },
    allocations: [{ group: 'stable' }, { group: 'job', exit_code: 0 }],
  });
  const ready = { ...job, observed: anObserved() };
  t.equal(serviceStatus(facts({ rollout, allocations: [ready] })).running_replicas, 0);
});

t.test('a rollout is shown with its verdicts and what users did to it', async (t) => {
  const verdict: Verdict = {
    step: 0,
    weight: 20,
    fromMs: 1_000,
    toMs: 2_000,
    result: 'failed',
    reason: '5 % of errors, 1 % allowed',
    stable: { requests: 100, errorRate: 0, p95Ms: 12 },
    canary: { requests: 60, errorRate: 5, p95Ms: null },
  };
  const summary = rolloutSummary(
    {
      ...inCanary,
      canary: aCanary({ verdicts: [verdict], isManual: true }),
      acts: [{ verb: 'weight', detail: '20 → 50 %', by: 'ann', source: 'cli', atMs: 5_000 }],
    },
    withCanary(),
  );
  t.match(summary, {
    paused: null,
    canary: {
      steps: [20],
      step: 0,
      weight: 20,
      weight_in_force: true,
      promoted: false,
      replicas: 1,
      waits_for_promote: true,
      verdicts: [
        {
          step: 0,
          weight: 20,
          from: '1970-01-01T00:00:01.000Z',
          to: '1970-01-01T00:00:02.000Z',
          result: 'failed',
          reason: '5 % of errors, 1 % allowed',
          stable: { requests: 100, error_rate: 0, p95_ms: 12 },
          canary: { requests: 60, error_rate: 5, p95_ms: null },
        },
      ],
    },
    acts: [{ verb: 'weight', detail: '20 → 50 %', by: 'ann', source: 'cli', at: '1970-01-01T00:00:05.000Z' }],
  });
  t.equal(rolloutSummary(aRollout(), null).canary, null);
});

t.test('a canary waits for a promote when nothing else will move it', async (t) => {
  const waits = (canary: object, deploy: object = {}, more: object = {}) =>
    waitsForPromote({ ...inCanary, canary: aCanary(canary), ...more }, withCanary(deploy));
  t.ok(waits({}));
  t.notOk(waits({ inForceSinceMs: null }), 'not before it has its share');
  t.notOk(waits({}, { auto_promote: true }), 'not when it is promoted by itself');
  t.notOk(waits({ promotedAtMs: 1 }), 'not when it is promoted');
  t.notOk(
    waits({ steps: [5, 50] }, { canary_steps: [5, 50], auto_promote: false }),
    'not before the last step',
  );
  t.ok(waits({ steps: [5, 50], step: 1 }, { canary_steps: [5, 50], auto_promote: false }));
  t.ok(waits({ isManual: true, steps: [5, 50] }, { canary_steps: [5, 50] }), 'a user has set its weight');
  t.notOk(waits({}, {}, { state: 'promoting' }));
  t.notOk(waitsForPromote(aRollout(), withCanary()));
  t.notOk(waits({ weight: 50, isManual: true }), 'a share that was just asked for is not given yet');
});
