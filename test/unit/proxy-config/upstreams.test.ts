import fc from 'fast-check';
import t from 'tap';
import type { Route, RoutedAllocation } from '../../../proxy-config/route.js';
import {
  HOLD_MS,
  hostName,
  REFUSING_PORT,
  type UpstreamInput,
  upstreams,
} from '../../../proxy-config/upstreams.js';
import { plainRoute } from '../../support/plain-route.js';

const SORRY = 7_000;
const anAllocation = (id: string, over: Partial<RoutedAllocation> = {}): RoutedAllocation => ({
  id,
  node: 'n1',
  group: 'stable',
  release: 1,
  desired: 'routed',
  endpoint: { address: '10.0.0.1', port: 1_000 + Number(id) },
  ...over,
});
const aRoute = (allocations: RoutedAllocation[], over: Partial<Route> = {}): Route => ({
  service: 'p/a',
  srvName: 'a.p.orca',
  domains: ['a.test'],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  allocations,
  ...over,
});
const look = (route: Route, over: Partial<UpstreamInput> = {}) =>
  upstreams({
    routes: [route],
    local: new Map(),
    thisNode: 'n1',
    memory: new Map(),
    sorryPort: SORRY,
    nowMs: 0,
    ...over,
  });
const ports = (result: ReturnType<typeof upstreams>) => result.table.srv['a.p.orca']?.map((r) => r.port);

t.test('one record per routed allocation, and the address of its node', async (t) => {
  const result = look(
    aRoute([anAllocation('2'), anAllocation('1'), anAllocation('3', { desired: 'draining' })]),
  );
  t.same(ports(result), [1_001, 1_002]);
  t.same(result.table.hosts, { 'ip-10-0-0-1.orca': '10.0.0.1' });
  t.same([...result.published.keys()], ['1', '2']);
  t.equal(result.wakeAtMs, null);
});

t.test('what this node knows of its own allocations is newer than the route', async (t) => {
  const route = aRoute([anAllocation('1'), anAllocation('2'), anAllocation('3', { node: 'n2' })]);
  const local = new Map([
    ['1', null],
    ['2', { address: '10.0.0.9', port: 9 }],
    ['3', null],
  ]);
  t.same(ports(look(route, { local })), [9, 1_003]);
});

t.test('a canary gets repeated records that differ in priority', async (t) => {
  const canary = anAllocation('9', { group: 'canary' });
  const result = look(aRoute([anAllocation('1'), canary], { canaryWeight: 25 }));
  t.same(
    result.table.srv['a.p.orca']?.map((r) => [r.port, r.priority]),
    [
      [1_001, 0],
      [1_001, 1],
      [1_001, 2],
      [1_009, 0],
    ],
  );
});

t.test('a service that lost its last allocation is held, then it is the sorry server’s', async (t) => {
  const had = look(aRoute([anAllocation('1')])).memory;
  const empty = aRoute([anAllocation('1', { endpoint: null })]);
  const held = look(empty, { memory: had, nowMs: 100 });
  t.same(ports(held), [REFUSING_PORT]);
  t.equal(held.wakeAtMs, 100 + HOLD_MS);
  const still = look(empty, { memory: held.memory, nowMs: 99 + HOLD_MS });
  t.same(ports(still), [REFUSING_PORT]);
  const over = look(empty, { memory: still.memory, nowMs: 100 + HOLD_MS });
  t.same(ports(over), [SORRY]);
  t.equal(over.wakeAtMs, null);
  t.same(ports(look(aRoute([anAllocation('1')]), { memory: over.memory })), [1_001]);
});

t.test('a service that never had any, or is stopped, is the sorry server’s at once', async (t) => {
  t.same(ports(look(aRoute([]))), [SORRY]);
  const had = look(aRoute([anAllocation('1')])).memory;
  t.same(ports(look(aRoute([anAllocation('1')], { wanted: false }), { memory: had })), [SORRY]);
});

t.test('host names are valid for IPv4 and IPv6', async (t) => {
  t.equal(hostName('172.17.0.1'), 'ip-172-17-0-1.orca');
  t.equal(hostName('FD00::1'), 'ip-fd00--1.orca');
});

t.test(
  'the order of routes and allocations does not matter, and no name is ever without a record',
  async (t) => {
    const allocation = fc.record({
      id: fc.integer({ min: 1, max: 99 }).map(String),
      group: fc.constantFrom('stable' as const, 'canary' as const),
      desired: fc.constantFrom('routed' as const, 'draining' as const),
      ready: fc.boolean(),
    });
    const allocations = fc.uniqueArray(allocation, { selector: (a) => a.id, maxLength: 8 });
    const input = fc.tuple(
      allocations,
      fc.integer({ min: 0, max: 100 }),
      fc.boolean(),
      fc.constantFrom(undefined, null, -9_000, -10),
    );
    fc.assert(
      fc.property(input, ([some, canaryWeight, wanted, since]) => {
        const list = some.map(({ ready, ...a }) =>
          anAllocation(a.id, { ...a, ...(ready ? {} : { endpoint: null }) }),
        );
        const memory = new Map(since === undefined ? [] : [['p/a', since]]);
        const result = look(aRoute(list, { canaryWeight, wanted }), { memory });
        t.ok((ports(result)?.length ?? 0) > 0);
        t.same(look(aRoute([...list].reverse(), { canaryWeight, wanted }), { memory }).table, result.table);
        for (const id of result.published.keys()) t.equal(list.find((a) => a.id === id)?.desired, 'routed');
      }),
      { numRuns: 300 },
    );
  },
);
