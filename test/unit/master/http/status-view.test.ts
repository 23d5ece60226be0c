import t from 'tap';
import { nodeStatus } from '../../../../master/http/node-view.js';
import { trafficOf } from '../../../../master/http/routed.js';
import { type ServiceFacts, serviceStatus } from '../../../../master/http/status-view.js';
import type { Hold } from '../../../../master/store/hold.js';
import type { IngressObserved } from '../../../../shared/protocol.js';
import {
  aNode,
  anAllocation,
  anIngressObserved,
  anObserved,
  aRelease,
  aRollout,
  aService,
} from '../../../support/a-model.js';

const facts = (more: Partial<ServiceFacts> = {}): ServiceFacts => ({
  service: aService(),
  stable: aRelease(),
  rollout: aRollout({ state: 'succeeded', endedAtMs: 5_000 }),
  allocations: [anAllocation()],
  nodes: new Map([['n-1', aNode()]]),
  held: new Set(),
  traffic: new Map(aNode().ingressObserved?.traffic.map((one) => [one.allocation, one])),
  weights: new Map(),
  figures: [],
  heardAtMs: () => 4_000,
  inFlight: () => 7,
  httpPort: 80,
  httpsPort: 443,
  pending: [],
  storeProblem: null,
  ...more,
});
const failure = {
  reason: 'exited',
  message: 'shop.api.2 exited with 1 after 0.1 s',
  exitCode: 1,
  restartCount: 0,
  lastLogs: ['boom'],
  observedAtMs: 1_000,
};
const planned = aService().planned;

t.test('a service that is as asked for runs, and says when that was seen', async (t) => {
  t.match(serviceStatus(facts()), {
    status: 'running',
    reason: null,
    running_replicas: 1,
    desired_replicas: 1,
    release: 'v1',
    url: 'https://api.example.com/',
    observed_at: '1970-01-01T00:00:04.000Z',
    allocations: [{ state: 'ready', routed: true, in_flight: 7, node: 'one', release: 'v1' }],
  });
  t.equal(serviceStatus(facts({ httpsPort: 8443 })).url, 'https://api.example.com:8443/');
  const plain = aService({}, { http_only: true });
  t.equal(serviceStatus(facts({ service: plain })).url, 'http://api.example.com/');
  t.equal(serviceStatus(facts({ service: plain, httpPort: 8080 })).url, 'http://api.example.com:8080/');
});

t.test('a time that no calendar has, said by a node before there were bounds, breaks nothing', async (t) => {
  const observed = anObserved({ sinceMs: 1e300 });
  const shown = serviceStatus(facts({ allocations: [anAllocation({ observed })] }));
  t.match(shown.allocations, [{ since: '9999-12-31T23:59:59.999Z' }]);
  const failed = aService({ planned: { ...planned, lastFailure: { ...failure, observedAtMs: -1e300 } } });
  t.match(serviceStatus(facts({ service: failed })).last_failure, {
    observed_at: '0001-01-01T00:00:00.000Z',
  });
});

t.test('an open rollout is deploying, with what it waits for', async (t) => {
  const rollout = aRollout({ reason: 'ready 0/2' });
  t.match(serviceStatus(facts({ rollout })), {
    status: 'deploying',
    reason: 'ready 0/2',
    rollout: { state: 'rolling' },
  });
});

t.test('a missing replica makes it degraded, and the reason names it', async (t) => {
  const exited = anAllocation({
    observed: anObserved({ state: 'exited', reason: 'exited with 1; next start 4 s after that' }),
  });
  const seen = serviceStatus(facts({ allocations: [exited] }));
  t.match(seen, { status: 'degraded', reason: /0 of 1 replicas ready; shop.api.1: exited with 1/ });
  const waiting = aService({ replicas: 3, planned: { ...planned, waits: ['no room on one'] } });
  t.match(serviceStatus(facts({ service: waiting })), { status: 'degraded', reason: 'no room on one' });
});

t.test('without its node an allocation is unknown and does not count as running', async (t) => {
  const nodes = new Map([['n-1', aNode({ connectedAtMs: null, reported: false })]]);
  t.match(serviceStatus(facts({ nodes, heardAtMs: () => null })), {
    status: 'degraded',
    running_replicas: 0,
    observed_at: '1970-01-01T00:00:03.000Z',
    allocations: [{ state: 'unknown', reason: /last seen ready/ }],
  });
});

t.test(
  'a first deploy that failed is failed; a later one leaves the service running and says so',
  async (t) => {
    const never = aService({ planned: { ...planned, stable: null, lastFailure: failure } });
    const failed = aRollout({ state: 'failed', endedAtMs: 9, reason: 'it exited', failure });
    t.match(serviceStatus(facts({ service: never, stable: null, allocations: [], rollout: failed })), {
      status: 'failed',
      reason: /exited with 1/,
      release: null,
      observed_at: null,
      last_failure: { exit_code: 1, last_logs: ['boom'] },
    });
    t.match(serviceStatus(facts({ rollout: failed })), {
      status: 'running',
      reason: 'the last deploy of v1 failed at 1970-01-01 00:00 UTC: it exited',
    });
    const fixed = aRollout({ state: 'succeeded', endedAtMs: 19, reason: 'nothing to change' });
    t.match(serviceStatus(facts({ rollout: fixed })), { status: 'running', reason: null });
  },
);

t.test('a copy that is ready and not served is no copy that runs, and the reason says by whom', async (t) => {
  const said = (more: object) => ({
    ...facts(),
    traffic: new Map([
      [
        'shop.api.1',
        { allocation: 'shop.api.1', state: 'pending' as const, inFlight: 0, reason: null, ...more },
      ],
    ]),
  });
  t.match(serviceStatus(said({ reason: 'its record is not published yet' })), {
    status: 'degraded',
    reason: 'shop.api.1 is not routed yet: its record is not published yet',
    running_replicas: 1,
    allocations: [{ routed: false }],
  });
  const one = anAllocation({ desired: 'running' });
  t.match(serviceStatus(facts({ allocations: [one] })), { status: 'degraded', reason: /is not routed yet$/ });
  const spare = anAllocation({ id: 'shop.api.2', desired: 'running' });
  t.match(serviceStatus(facts({ allocations: [anAllocation(), spare] })), {
    status: 'running',
    reason: null,
  });
  const internal = aService({ spec: { ...aService().spec, domains: [] } });
  t.match(serviceStatus(facts({ service: internal, allocations: [one] })), { status: 'running' });
  const down = aNode({ ingressObserved: anIngressObserved({ caddy: 'down', reason: 'it ended with 1' }) });
  t.match(serviceStatus(facts({ nodes: new Map([['n-1', down]]) })), {
    status: 'degraded',
    reason: 'the ingress on one does not run: it ended with 1',
  });
  const other = aNode({ id: 'n-2', connectedAtMs: null });
  const worker = aNode({ ingress: false });
  const both = new Map([
    ['n-1', worker],
    ['n-2', other],
  ]);
  t.match(serviceStatus(facts({ nodes: both })), {
    status: 'degraded',
    reason: 'no ingress node is connected (one)',
  });
});

t.test('what two ingresses say is one word: routed is what each connected one routes', async (t) => {
  const word = (state: 'routed' | 'pending' | 'draining', inFlight: number, reason: string | null = null) =>
    anIngressObserved({ traffic: [{ allocation: 'shop.api.1', state, inFlight, reason }] });
  const two = (first: IngressObserved, second: IngressObserved | null, isConnected = true) =>
    trafficOf([
      aNode({ ingressObserved: first }),
      aNode({ id: 'n-2', ingressObserved: second, connectedAtMs: isConnected ? 1 : null }),
    ]).get('shop.api.1');
  t.match(two(word('routed', 1), word('routed', 2)), { state: 'routed', inFlight: 3 });
  t.match(two(word('routed', 1), word('pending', 0, 'why')), {
    state: 'pending',
    inFlight: 1,
    reason: 'why',
  });
  t.match(two(word('draining', 1), word('routed', 2)), { state: 'draining', inFlight: 3 });
  t.match(two(word('routed', 1), null), { state: 'pending' });
  t.match(two(word('routed', 1), word('pending', 0), false), { state: 'routed', inFlight: 1 });
});

t.test('stopped on request is not degraded, whatever is left', async (t) => {
  const stopped = aService({ desired: 'stopped' });
  t.match(serviceStatus(facts({ service: stopped, allocations: [] })), {
    status: 'stopped',
    reason: 'stopped on request',
  });
  const draining = anAllocation({ desired: 'draining' });
  t.match(serviceStatus(facts({ service: stopped, allocations: [draining], inFlight: () => 1 })), {
    status: 'stopped',
    reason: /1 still stopping/,
    allocations: [{ state: 'draining', reason: '1 request in flight', routed: false }],
    groups: { stable: { wanted: 0 } },
  });
});

t.test('of what a held node runs nothing is known, whatever the store has of before', async (t) => {
  t.match(serviceStatus(facts({ held: new Set(['n-1']) })), {
    status: 'degraded',
    running_replicas: 0,
    allocations: [{ state: 'unknown', reason: /^one is held, .* in this store it was last seen ready$/ }],
  });
});

t.test('before its first report an allocation is placed', async (t) => {
  const fresh = anAllocation({ observed: null, desired: 'running' });
  t.match(serviceStatus(facts({ allocations: [fresh], inFlight: () => null })).allocations[0], {
    state: 'placed',
    reason: /has not reported it yet/,
    endpoint: null,
  });
});

t.test('a node is ready only when its agent, Docker and its ingress are', async (t) => {
  const stateOf = (more: Parameters<typeof aNode>[0], hold: Hold | null = null) => {
    const view = nodeStatus({
      node: aNode(more),
      allocations: 1,
      heardAtMs: null,
      hold,
      conflict: null,
      certificateNotAfterMs: 0,
    });
    return [view.state, view.reason];
  };
  const ingress = aNode().ingressObserved;
  t.same(stateOf({}), ['ready', null]);
  t.match(stateOf({ connectedAtMs: null }), ['degraded', /not connected/]);
  t.match(stateOf({ connectedAtMs: null, presence: 'unreachable' }), ['unreachable', /orca agent/]);
  t.match(stateOf({ connectedAtMs: null, presence: 'lost' }), ['lost', /placed elsewhere/]);
  t.match(stateOf({ reported: false }), ['degraded', /not reported/]);
  t.match(stateOf({ engine: { state: 'down', version: null, apiVersion: null, reason: 'ENOENT' } }), [
    'degraded',
    /Docker.*ENOENT/,
  ]);
  t.match(
    stateOf({ ingressObserved: ingress && { ...ingress, caddy: 'down', reason: 'port 80 is taken' } }),
    ['degraded', 'port 80 is taken'],
  );
  t.match(stateOf({ ingressObserved: null }), ['degraded', /starting/]);
  t.same(stateOf({ ingress: false, ingressObserved: null }), ['ready', null]);
  t.match(stateOf({ cordoned: true }), ['cordoned', /on request/]);
  const held = (state: Hold['state']): Hold => ({ state, revision: 9, why: 'goes on with revision 9' });
  t.match(stateOf({ cordoned: true }, held('held')), ['degraded', /revision 9.*orca adopt.*uncordon one/]);
  t.match(stateOf({}, held('unheard')), ['degraded', /not been compared/]);
});

t.test('an ingress of an Orca that knows no http_only is said, with what mends it', async (t) => {
  const { spec } = aService();
  const service = aService({ spec: { ...spec, httpOnly: true } });
  const on = (known: object) => {
    const node = aNode();
    return facts({ service, nodes: new Map([['n-1', { ...node, facts: { ...node.facts, ...known } }]]) });
  };
  t.match(serviceStatus(on({})), {
    status: 'degraded',
    reason: /^the ingress on \S+ is of an older Orca that knows no http_only.*orca nodes upgrade \S+$/,
  });
  t.match(serviceStatus(on({ httpOnly: true })), { status: 'running', reason: null });
  t.match(serviceStatus(facts()), { status: 'running', reason: null }, 'others are not touched by it');
});
