import t from 'tap';
import type { Route, RoutedAllocation } from '../../../proxy-config/route.js';
import {
  inFlightOf,
  isSettledOut,
  type Presence,
  SETTLE_MS,
  type TrafficInput,
  trafficFacts,
  ZEROS_WANTED,
} from '../../../proxy-config/traffic-facts.js';
import { plainRoute } from '../../support/plain-route.js';

const endpoint = { address: '10.0.0.1', port: 80 };
const published: Presence = { endpoint, lastEndpoint: endpoint, sinceMs: 1_000, usableSinceMs: 1_000 };
const withdrawn: Presence = { endpoint: null, lastEndpoint: endpoint, sinceMs: 1_000, usableSinceMs: null };
const facts = (
  over: Partial<TrafficInput> & {
    presence1?: Presence;
    desired?: RoutedAllocation['desired'];
    wanted?: boolean;
  },
) => {
  const allocation: RoutedAllocation = {
    id: '1',
    node: 'n1',
    group: 'stable',
    release: 1,
    desired: over.desired ?? 'routed',
    endpoint,
  };
  const route: Route = {
    service: 'p/a',
    srvName: 'a.p.orca',
    domains: ['a.test'],
    paths: ['/*'],
    stripPrefix: null,
    ...plainRoute,
    wanted: over.wanted ?? true,
    allocations: [allocation],
  };
  return trafficFacts({
    routes: [route],
    presence: new Map(over.presence1 ? [['1', over.presence1]] : []),
    samples: new Map(),
    loadedNames: new Set(['a.p.orca']),
    loadReason: null,
    refusals: new Map(),
    refreshMs: 250,
    nowMs: 1_000,
    ...over,
  });
};

t.test('routed only once a refresh has passed since the record was acknowledged', async (t) => {
  t.match(facts({ presence1: published, nowMs: 1_249 }), {
    traffic: [{ state: 'pending' }],
    wakeAtMs: 1_250,
  });
  t.match(facts({ presence1: published, nowMs: 1_250 }), {
    traffic: [{ state: 'routed', reason: null }],
    wakeAtMs: null,
  });
});

t.test('not routed while Caddy runs a config without its route, and the reason is Caddy’s', async (t) => {
  const before = { presence1: published, nowMs: 9_000, loadedNames: new Set<string>() };
  t.match(facts(before), { traffic: [{ state: 'pending', reason: /not in Caddy/ }] });
  t.match(facts({ ...before, loadReason: 'no' }), { traffic: [{ state: 'pending', reason: 'no' }] });
});

t.test('an allocation without a record is pending, with why', async (t) => {
  t.match(facts({}), { traffic: [{ state: 'pending', reason: /not published yet/ }] });
  t.match(facts({ presence1: withdrawn, wanted: false }), {
    traffic: [{ state: 'pending', reason: /stopped/ }],
  });
  t.match(facts({ presence1: published, refusals: new Map([['p/a', 'bad path']]) }), {
    traffic: [{ state: 'pending', reason: 'bad path' }],
  });
});

t.test('drained only when withdrawn, a refresh has passed, and three zeros were seen', async (t) => {
  const desired = 'draining' as const;
  const settledMs = 1_250 + SETTLE_MS;
  const samples = (inFlight: number, zeros: number) => new Map([['1', { inFlight, zeros }]]);
  t.match(facts({ desired, presence1: published, nowMs: 9_000 }), {
    traffic: [{ state: 'draining' }],
    watch: [],
  });
  t.match(facts({ desired, presence1: withdrawn, nowMs: settledMs - 1, samples: samples(0, ZEROS_WANTED) }), {
    traffic: [{ state: 'draining' }],
    wakeAtMs: settledMs,
  });
  t.match(facts({ desired, presence1: withdrawn, nowMs: settledMs, samples: samples(2, 0) }), {
    traffic: [{ state: 'draining', inFlight: 2, reason: '2 requests in flight' }],
    watch: ['1'],
  });
  t.match(facts({ desired, presence1: withdrawn, nowMs: settledMs, samples: samples(0, ZEROS_WANTED - 1) }), {
    traffic: [{ state: 'draining' }],
    watch: ['1'],
  });
  t.match(facts({ desired, presence1: withdrawn, nowMs: settledMs, samples: samples(0, ZEROS_WANTED) }), {
    traffic: [{ state: 'drained', inFlight: 0, reason: null }],
    watch: [],
  });
});

t.test('one that never listened anywhere is drained once a refresh has passed', async (t) => {
  const presence1 = { ...withdrawn, lastEndpoint: null };
  t.match(facts({ desired: 'draining', presence1, nowMs: 1_349 }), { traffic: [{ state: 'draining' }] });
  t.match(facts({ desired: 'draining', presence1, nowMs: 1_350 }), { traffic: [{ state: 'drained' }] });
});

t.test('zeros count only once the record is out for long enough', async (t) => {
  t.equal(isSettledOut(published, 250, 99_999), false);
  t.equal(isSettledOut(undefined, 250, 99_999), false);
  t.equal(isSettledOut(withdrawn, 250, 1_349), false);
  t.equal(isSettledOut(withdrawn, 250, 1_350), true);
});

t.test('requests are counted under both names that Caddy may have for an endpoint', async (t) => {
  const counts = new Map([
    ['ip-10-0-0-1.orca:80', 2],
    ['10.0.0.1:80', 1],
    ['10.0.0.1:81', 9],
  ]);
  t.equal(inFlightOf(endpoint, counts), 3);
});

t.test(
  'without a share it has no record, and is routed all the same; not when it is not usable',
  async (t) => {
    const nowMs = 1_250;
    const idle = { ...withdrawn, usableSinceMs: 1_000 };
    t.match(facts({ presence1: idle, nowMs }), { traffic: [{ state: 'routed' }] });
    t.match(facts({ presence1: withdrawn, nowMs }), { traffic: [{ state: 'pending' }] });
    t.match(facts({ presence1: idle, nowMs, loadedNames: new Set() }), {
      traffic: [{ state: 'pending' }],
    });
  },
);

t.test('it stays routed when its records go on purpose, and drains from when they went', async (t) => {
  const left = { ...withdrawn, sinceMs: 5_000, usableSinceMs: 1_000 };
  t.match(facts({ presence1: left, nowMs: 5_001 }), { traffic: [{ state: 'routed' }], wakeAtMs: null });
  const samples = new Map([['1', { inFlight: 0, zeros: ZEROS_WANTED }]]);
  t.match(facts({ desired: 'draining', presence1: left, nowMs: 5_001, samples }), {
    traffic: [{ state: 'draining' }],
    wakeAtMs: 5_250 + SETTLE_MS,
  });
  t.match(facts({ presence1: { ...published, sinceMs: 5_000 }, nowMs: 5_001 }), {
    traffic: [{ state: 'pending' }],
  });
});
