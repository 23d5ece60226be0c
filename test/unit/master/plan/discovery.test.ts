import fc from 'fast-check';
import t from 'tap';
import { freeAddress, namedServiceOf } from '../../../../master/plan/discovery.js';
import { planService } from '../../../../master/plan/plan.js';
import type { ServiceState } from '../../../../master/plan/snapshot.js';
import type { DiscoveryObserved } from '../../../../shared/discovery-observed.js';
import { contains, readAddress, readRange } from '../../../../shared/ipv4.js';
import type { Allocation, Node } from '../../../../shared/model.js';
import {
  aNode,
  anAllocation,
  anObserved,
  aPlanned,
  aRelease,
  aService,
  aSnapshot,
  aSpec,
  aView,
} from './things.js';

const spec = aSpec({ internal: true, container: { aliases: ['backend', 'api'] } });
const at = (node: string) => ({ address: `10.0.0.${node.slice(1)}`, port: 30_001 });
const ready = (number: number, change: Partial<Allocation> = {}): Allocation => {
  const node = change.node ?? 'n1';
  return anAllocation(number, { observed: anObserved('ready', { endpoint: at(node) }), ...change });
};
const stateOf = (allocations: Allocation[], change: Partial<ServiceState> = {}): ServiceState => ({
  service: aService(spec),
  releases: [aRelease(1, spec)],
  rollout: null,
  allocations,
  ...change,
});
const nodes = [aNode('n1'), aNode('n2')];
const named = (state: ServiceState, some: Node[] = nodes) =>
  namedServiceOf(state, '10.213.0.9', (id) => some.find((node) => node.id === id) ?? null);
const offered = (state: ServiceState, some?: Node[]) =>
  named(state, some)?.allocations.flatMap(({ id, endpoint }) => (endpoint ? [id] : []));

t.test('who is ready answers, from before it is routed until it drains', async (t) => {
  const allocations = [
    ready(1),
    ready(2, { desired: 'routed' }),
    ready(3, { desired: 'draining' }),
    ready(4, { desired: 'stopped' }),
    anAllocation(5, { observed: anObserved('starting') }),
    ready(6, { group: 'job' }),
    ready(7, { observed: anObserved('unready', { endpoint: at('n1') }) }),
  ];
  const state = stateOf(allocations);
  t.same(offered(state), ['shop.api.1', 'shop.api.2']);
  t.match(named(state), { names: ['api', 'backend'], ports: [8080], project: 'shop', address: '10.213.0.9' });
  t.same(
    named(state)
      ?.allocations.filter(({ draining }) => draining)
      .map(({ id }) => id),
    ['shop.api.3'],
  );
});

t.test('who drains answers on while nobody else is ready', async (t) => {
  t.same(offered(stateOf([ready(1, { desired: 'draining' })])), ['shop.api.1']);
  t.equal(named(stateOf([ready(1, { desired: 'draining' })]))?.allocations[0]?.draining, false);
});

t.test('without a port there is no name; while releases differ in it there are both', async (t) => {
  const without = aSpec({ container: { port: null } });
  t.equal(named(stateOf([], { service: aService(without), releases: [] })), null);
  const releases = [aRelease(1, spec), aRelease(2, aSpec({ container: { port: 9090 } }))];
  t.same(named(stateOf([ready(1), ready(2, { release: 2 })], { releases }))?.ports, [8080, 9090]);
  t.same(named(stateOf([ready(1)], { releases }))?.ports, [8080], 'a release that nothing runs of has none');
});

t.test('a stopped service keeps its name, a removed one until nothing of it is left', async (t) => {
  t.match(named(stateOf([], { service: aService(spec, { desired: 'stopped' }) })), { allocations: [] });
  const removed = { service: aService(spec, { desired: 'removed' as const }) };
  t.ok(named(stateOf([ready(1)], removed)));
  t.equal(named(stateOf([], removed)), null);
});

t.test('allocations on silent nodes are left out, unless none would be left', async (t) => {
  const silent = [aNode('n1'), aNode('n2', { presence: 'unreachable' })];
  t.same(offered(stateOf([ready(1), ready(2, { node: 'n2' })]), silent), ['shop.api.1']);
  t.same(offered(stateOf([ready(2, { node: 'n2' })]), silent), ['shop.api.2']);
});

t.test('an endpoint at another address than its node’s is of use there only', async (t) => {
  const bridge = anObserved('ready', { endpoint: { address: '172.17.0.1', port: 30_001 } });
  t.equal(named(stateOf([ready(1, { observed: bridge })]))?.allocations[0]?.ownNodeOnly, true);
  t.equal(named(stateOf([ready(1)]))?.allocations[0]?.ownNodeOnly, false);
});

const range = readRange('10.213.0.0/24') ?? { base: 0, prefix: 0 };

t.test('an address is free, in the range, and the same for the same service', async () => {
  const keys = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 254 });
  fc.assert(
    fc.property(keys, (all) => {
      const taken = new Set<string>();
      for (const key of all) {
        const address = freeAddress('c', key, range, (one) => taken.has(one));
        if (address === null || taken.has(address)) return false;
        if (!contains(range, readAddress(address) ?? 0) || /\.(0|255)$/.test(address)) return false;
        taken.add(address);
      }
      const [first = ''] = all;
      return freeAddress('c', first, range, () => false) === [...taken][0];
    }),
    { numRuns: 30 },
  );
});

t.test('a full range gives none, and two clusters hardly meet', async (t) => {
  t.equal(
    freeAddress('c', 'shop/api', range, () => true),
    null,
  );
  const wide = readRange('10.213.0.0/16') ?? range;
  const of = (cluster: string) =>
    Array.from({ length: 50 }, (_, i) => freeAddress(cluster, `shop/s${i}`, wide, () => false));
  const others = of('two');
  t.ok(of('one').filter((address) => others.includes(address)).length <= 2);
});

/* ---- the order in which an allocation goes ------------------------------------------------------------------------ */

const says = (change: Partial<DiscoveryObserved> = {}): DiscoveryObserved => ({
  state: 'running',
  reason: null,
  projects: ['shop'],
  draining: [],
  ...change,
});
const drains = (connections: number) => says({ draining: [{ allocation: 'shop.api.1', connections }] });
const one = aSpec({ ...spec, replicas: 1, domains: [] });

/** One too many of an internal service; the nodes say what is given of names. */
function goingFrom(said: (DiscoveryObserved | null)[], first: Partial<Allocation> = {}, nowMs = 1_000) {
  const releases = [aRelease(1, one), aRelease(2, one)];
  const snapshot = aSnapshot({
    service: aService(one, { planned: aPlanned({ stable: 2, nextRelease: 3, nextAllocation: 3 }) }),
    releases,
    allocations: [ready(1, { slot: 0, ...first }), ready(2, { slot: 0, release: 2, desired: 'running' })],
    nodes: said.map((discovery, i) => aView(aNode(`n${i + 1}`, { ingress: false, discovery }))),
  });
  const { actions, waits } = planService(snapshot, nowMs);
  const desired = actions.flatMap((a) =>
    a.kind === 'set-desired' && a.id === 'shop.api.1' ? [a.desired] : [],
  );
  return { desired: desired[0] ?? null, waits: waits.join('; ') };
}

const draining = { desired: 'draining' as const, drainingSinceMs: 1_000 };

t.test('an internal allocation that names lead to drains before it is stopped', async (t) => {
  t.equal(goingFrom([says()]).desired, 'draining');
  t.equal(goingFrom([null]).desired, 'stopped', 'nobody is led to it');
  t.equal(goingFrom([says({ projects: ['blog'] })]).desired, 'stopped');
});

t.test('it is stopped when every node has said that it is out, and nothing is open', async (t) => {
  t.match(goingFrom([drains(0), says()], draining), {
    desired: null,
    waits: /containers on host-n2 are still led to it by name/,
  });
  t.match(goingFrom([drains(0), drains(2)], draining), { desired: null, waits: /2 connections by name/ });
  t.equal(goingFrom([drains(0), drains(0)], draining).desired, 'stopped');
  t.equal(goingFrom([drains(0), null], draining).desired, 'stopped');
});

t.test('the wait ends with the drain deadline', async (t) => {
  t.equal(goingFrom([drains(2)], draining, 30_999).desired, null);
  t.equal(goingFrom([drains(2)], draining, 31_000).desired, 'stopped');
  t.equal(goingFrom([says()], draining, 31_000).desired, 'stopped');
});
