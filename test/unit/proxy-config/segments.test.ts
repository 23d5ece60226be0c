import fc from 'fast-check';
import t from 'tap';
import { noticeFor, noticesOf } from '../../../proxy-config/notices.js';
import type { Route, RoutedAllocation } from '../../../proxy-config/route.js';
import { segmentsOf, sharesByName, thresholdOf } from '../../../proxy-config/segments.js';
import { REFUSING_PORT, type UpstreamMemory, upstreams } from '../../../proxy-config/upstreams.js';
import { plainRoute } from '../../support/plain-route.js';

const SORRY = 9;
const anAllocation = (id: string): RoutedAllocation => ({
  id,
  node: 'n1',
  group: id.startsWith('c') ? 'canary' : 'stable',
  release: 1,
  desired: 'routed',
  endpoint: { address: '10.0.0.1', port: 1_000 + id.charCodeAt(0) },
});
const aRoute = (over: Partial<Route> = {}): Route => ({
  service: 'p/a',
  srvName: 'a.p.orca',
  domains: ['a.test'],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  allocations: [anAllocation('s'), anAllocation('c')],
  ...over,
});
const look = (route: Route, memory: UpstreamMemory = new Map()) =>
  upstreams({
    routes: [route],
    local: new Map(),
    thisNode: 'n1',
    memory,
    sorryPort: SORRY,
    nowMs: 0,
  });
const [S, C] = [1_115, 1_099];
const ports = (route: Route, name: string, memory?: UpstreamMemory) => [
  ...new Set(look(route, memory).table.srv[name]?.map((record) => record.port)),
];

t.test('boundaries cut the clients into segments', async (t) => {
  const route = aRoute({ sticky: true, boundaries: [50, 5] });
  t.same(segmentsOf(route), [
    { name: 'u5.a.p.orca', from: 0, to: 5 },
    { name: 'u50.a.p.orca', from: 5, to: 50 },
    { name: 'u100.a.p.orca', from: 50, to: 100 },
  ]);
  t.same(segmentsOf(aRoute({ boundaries: [50] })), []);
  t.same([thresholdOf(0), thresholdOf(50), thresholdOf(25)], ['00000000', '80000000', '40000000']);
});

t.test('a segment is the canary’s when all of it is below the weight', async (t) => {
  const at = (canaryWeight: number) => aRoute({ sticky: true, boundaries: [5, 50], canaryWeight });
  t.same([...sharesByName(at(5)).values()], [5, 100, 0, 0]);
  t.same([...sharesByName(at(50)).values()], [50, 100, 100, 0]);
  t.same([...sharesByName(at(0)).values()], [0, 0, 0, 0]);
  t.same([...sharesByName(at(100)).values()], [100, 100, 100, 100]);
  t.same(ports(at(5), 'u5.a.p.orca'), [C]);
  t.same(ports(at(5), 'u50.a.p.orca'), [S]);
});

t.test('whatever the weights, no client moves against them, and the shares add up', async (t) => {
  const percent = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(fc.array(percent), percent, percent, (boundaries, a, b) => {
      const route = aRoute({ sticky: true, boundaries });
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const share = (canaryWeight: number) => sharesByName({ ...route, canaryWeight });
      const total = segmentsOf(route).reduce(
        (sum, { name, from, to }) => sum + ((share(high).get(name) ?? 0) * (to - from)) / 100,
        0,
      );
      return (
        Math.abs(total - high) < 1e-6 &&
        segmentsOf(route).every(({ name }) => (share(low).get(name) ?? 0) <= (share(high).get(name) ?? 0))
      );
    }),
  );
  t.pass('held');
});

t.test('the header reaches each group, and the other one when it has nobody', async (t) => {
  const route = aRoute({ groupHeader: true, canaryWeight: 0 });
  t.same(ports(route, 'canary.a.p.orca'), [C], 'at 0 % too');
  t.same(ports(route, 'stable.a.p.orca'), [S]);
  t.same(ports(route, 'a.p.orca'), [S]);
  const alone = (id: string) => ({ ...route, canaryWeight: 20, allocations: [anAllocation(id)] });
  t.same(ports(alone('s'), 'canary.a.p.orca'), [S]);
  t.same(ports(alone('c'), 'stable.a.p.orca'), [C]);
});

t.test(
  'in maintenance the sorry server has every name at once, and the allocations stay as they are',
  async (t) => {
    const route = aRoute({ maintenance: 'back at noon', groupHeader: true });
    for (const name of ['a.p.orca', 'canary.a.p.orca']) t.same(ports(route, name), [SORRY]);
    t.same([...look(route).idle], ['s', 'c']);
    t.equal(look(route).wakeAtMs, null);
  },
);

t.test('a notice is found by host and path, as the sites are', async (t) => {
  const notices = noticesOf([
    aRoute({ maintenance: 'all of it' }),
    aRoute({ service: 'p/b', paths: ['/b/*'] }),
    aRoute({ service: 'p/c', paths: ['/c.d/*', '/exact'], maintenance: 'part of it' }),
    aRoute({ service: 'p/w', domains: ['*.w.test'], maintenance: 'wild' }),
    aRoute({ service: 'p/x', domains: ['x.test'] }),
  ]);
  for (const [host, path, text] of [
    ['a.test', '/', 'all of it'],
    ['A.test:8443', '/else', 'all of it'],
    ['a.test', '/b/1', null],
    ['a.test', '/c.d/1', 'part of it'],
    ['a.test', '/cxd/1', 'all of it'],
    ['a.test', '/exact', 'part of it'],
    ['sub.w.test', '/', 'wild'],
    ['x.test', '/', null],
    ['', '/', null],
  ] as const)
    t.equal(noticeFor(notices, host, path), text, `${host}${path}`);
  t.notOk(notices.some((notice) => notice.domains.includes('x.test')));
});

t.test('a service with a name of its own does not get the notice of a wildcard around it', async (t) => {
  const notices = noticesOf([
    aRoute({ service: 'p/w', domains: ['*.w.test'], maintenance: 'wild' }),
    aRoute({ service: 'p/own', domains: ['own.w.test'] }),
  ]);
  t.equal(noticeFor(notices, 'own.w.test', '/'), null);
  t.equal(noticeFor(notices, 'any.w.test', '/'), 'wild');
  t.same(noticesOf([aRoute()]), [], 'nothing to say without maintenance');
});

t.test(
  'at a weight of 0 a service that lost its stable group is held, whoever is in the canary',
  async (t) => {
    const memory = look(aRoute({ groupHeader: true })).memory;
    const stableGone = [{ ...anAllocation('s'), endpoint: null }, anAllocation('c')];
    const route = aRoute({ groupHeader: true, allocations: stableGone });
    t.same(ports(route, 'a.p.orca', memory), [REFUSING_PORT]);
    t.same(ports(route, 'canary.a.p.orca', memory), [C]);
    t.same(ports({ ...route, canaryWeight: 5 }, 'a.p.orca', memory), [C], 'above 0 the canary has all');
  },
);
