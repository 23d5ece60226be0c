import t, { type Test } from 'tap';
import { recordEnd, recordHello, recordStatus } from '../../../../master/dispatch/reports.js';
import type { Store } from '../../../../master/store/store.js';
import type { Changes } from '../../../../master/store/transaction.js';
import type { Status } from '../../../../shared/protocol.js';
import { aNode, anAllocation, anObserved, aRollout, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const described = { ingress: true, labels: { zone: 'a' } };
const node = aNode();

const aStatus = (more: Partial<Status> = {}): Status => ({
  type: 'status',
  number: 1,
  revision: 1,
  observedAtMs: 1,
  engine: { state: 'up', version: '20.10.24', apiVersion: '1.41', reason: null },
  allocations: [anObserved()],
  images: [],
  ingress: node.ingressObserved,
  ...more,
});

/** One service with one allocation on one node that has reported it; `changed` collects what later commits touch. */
function reported(t: Test): { store: Store; changed: Changes[] } {
  const store = aStore(t);
  store.write((tx) => {
    tx.putNode(aNode());
    tx.putService(aService());
    tx.putAllocation(anAllocation());
  });
  store.write((tx) => recordStatus(tx, 'n-1', aStatus(), 10));
  const changed: Changes[] = [];
  store.watch((changes) => changed.push(changes));
  return { store, changed };
}

/** The services that are planned again. */
const planned = (changes: Changes | undefined): string[] => [
  ...new Set([...(changes?.services ?? []), ...(changes?.touched ?? [])]),
];

t.test('a status that says nothing new writes nothing', async (t) => {
  const { store, changed } = reported(t);
  store.write((tx) => recordStatus(tx, 'n-1', aStatus({ number: 2, observedAtMs: 99 }), 20));
  t.same(changed, []);
});

t.test('requests in flight on a routed allocation are no news, on a draining one they are', async (t) => {
  const { store, changed } = reported(t);
  const traffic = (state: 'routed' | 'draining', inFlight: number) =>
    aStatus({
      ingress: node.ingressObserved && {
        ...node.ingressObserved,
        traffic: [{ allocation: 'shop.api.1', state, inFlight, reason: null }],
      },
    });
  store.write((tx) => recordStatus(tx, 'n-1', traffic('routed', 55), 20));
  t.same(changed, []);
  store.write((tx) => recordStatus(tx, 'n-1', traffic('draining', 3), 20));
  t.same(planned(changed[0]), ['shop/api'], 'the service it belongs to is planned again');
  store.write((tx) => recordStatus(tx, 'n-1', traffic('draining', 2), 20));
  t.equal(changed.length, 2);
});

t.test('a weight that comes into force is news for its service alone', async (t) => {
  const { store, changed } = reported(t);
  const weighing = (canaryWeight: number) =>
    aStatus({
      ingress: node.ingressObserved && {
        ...node.ingressObserved,
        weights: [
          { service: 'shop/api', canaryWeight },
          { service: 'shop/unknown', canaryWeight },
        ],
      },
    });
  store.write((tx) => recordStatus(tx, 'n-1', weighing(20), 20));
  t.same(planned(changed[0]), ['shop/api']);
  store.write((tx) => recordStatus(tx, 'n-1', weighing(20), 20));
  t.equal(changed.length, 1);
  store.write((tx) => recordStatus(tx, 'n-1', weighing(50), 20));
  t.same(planned(changed[1]), ['shop/api']);
});

t.test('an exit is written, planned on, and told once', async (t) => {
  const { store, changed } = reported(t);
  const exited = anObserved({ state: 'exited', reason: 'exited with 1', exitCode: 1, endpoint: null });
  for (let n = 0; n < 2; n++)
    store.write((tx) => recordStatus(tx, 'n-1', aStatus({ allocations: [exited] }), 20));
  t.match(store.allocation('shop.api.1')?.observed, { state: 'exited', exitCode: 1 });
  t.same(planned(changed[0]), ['shop/api']);
  t.match(store.events(10), [{ kind: 'allocation.exited', message: 'shop.api.1 exited: exited with 1' }]);
});

t.test('each exit of a crash loop is told, also one that only its restart shows', async (t) => {
  const { store } = reported(t);
  const down = (restarts: number) =>
    anObserved({ state: 'pending', reason: `exit ${restarts}`, exitCode: 1, restarts, endpoint: null });
  const up = (restarts: number) => anObserved({ state: 'starting', reason: 'starts', restarts });
  for (const observed of [down(0), down(0), up(1), down(1), up(2), up(4), up(4), down(4)])
    store.write((tx) => recordStatus(tx, 'n-1', aStatus({ allocations: [observed] }), 20));
  t.same(
    store.events(10).map(({ kind, message }) => [kind, message]),
    [
      ['allocation.exited', 'shop.api.1 pending: exit 0'],
      ['allocation.exited', 'shop.api.1 pending: exit 1'],
      ['allocation.restarted', 'shop.api.1 exited and was started again: restart 4'],
      ['allocation.exited', 'shop.api.1 pending: exit 4'],
    ],
  );
});

t.test('an image that a rollout waits for wakes its service', async (t) => {
  const { store, changed } = reported(t);
  store.write((tx) => tx.putRollout(aRollout()));
  changed.splice(0);
  const image = {
    id: 'r-1',
    state: 'pulling' as const,
    percent: 40,
    imageId: null,
    digest: null,
    reason: null,
  };
  store.write((tx) => recordStatus(tx, 'n-1', aStatus({ images: [image] }), 20));
  t.same(planned(changed[0]), ['shop/api']);
});

t.test('what is not ours, or not on this node, is not believed', async (t) => {
  const { store } = reported(t);
  store.write((tx) => tx.putAllocation(anAllocation({ id: 'shop.api.2', node: 'n-2' })));
  const lies = [anObserved(), anObserved({ id: 'shop.api.2', state: 'failed' }), anObserved({ id: 'x.y.9' })];
  store.write((tx) => recordStatus(tx, 'n-1', aStatus({ allocations: lies }), 20));
  t.equal(store.allocation('shop.api.2')?.observed?.state, 'ready');
  t.equal(store.allocation('x.y.9'), undefined);
});

t.test('a session begins without any report, and its end makes the node silent', async (t) => {
  const { store, changed } = reported(t);
  store.write((tx) => recordHello(tx, 'n-1', node.facts, described, 50));
  t.match(store.node('n-1'), { connectedAtMs: 50, reported: false, labels: { zone: 'a' }, revision: 1 });
  t.same([...(changed[0]?.touchedNodes ?? [])], ['n-1'], 'what runs there is planned again');
  store.write((tx) => recordStatus(tx, 'n-1', aStatus(), 60));
  t.equal(store.node('n-1')?.reported, true);
  store.write((tx) => recordEnd(tx, 'n-1', 'silence', { heardAtMs: 55, nowMs: 70 }));
  t.match(store.node('n-1'), {
    connectedAtMs: null,
    reported: false,
    lastSeenAtMs: 55,
    awaySinceMs: 55,
    presence: 'present',
  });
  t.match(store.events(1), [{ kind: 'node.disconnected', message: /silence/ }]);
  changed.splice(0);
  store.write((tx) => recordEnd(tx, 'n-1', 'again', { heardAtMs: 80, nowMs: 80 }));
  t.same(changed, [], 'it ends once');
});

t.test('a node with a valid certificate that is new here is taken in', async (t) => {
  const store = aStore(t);
  store.write((tx) => recordHello(tx, 'n-9', node.facts, described, 50));
  t.match(store.node('n-9'), { ingress: true, revision: 0, cordoned: false, images: [] });
});

t.test('how an allocation last ended is kept when it is up again', async (t) => {
  const { store } = reported(t);
  const say = (number: number, more: Parameters<typeof anObserved>[0]) =>
    store.write((tx) => recordStatus(tx, 'n-1', aStatus({ number, allocations: [anObserved(more)] }), 20));
  t.equal(store.allocation('shop.api.1')?.lastExit, undefined);
  say(2, { state: 'exited', exitCode: 7, lastLogs: ['giving up'], restarts: 2 });
  say(3, { restarts: 3 });
  t.match(store.allocation('shop.api.1'), {
    observed: { state: 'ready', exitCode: null },
    lastExit: { exitCode: 7, lastLogs: ['giving up'] },
  });
});
