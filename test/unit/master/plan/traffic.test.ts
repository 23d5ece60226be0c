import t from 'tap';
import { drainOf, MIN_DRAIN_MS, routingOf } from '../../../../master/plan/traffic.js';
import type { Node } from '../../../../shared/model.js';
import type { Traffic } from '../../../../shared/protocol.js';
import { aNode, anAllocation } from './things.js';

const draining = anAllocation(1, { desired: 'draining', drainingSinceMs: 0 });

function anIngress(
  state: Traffic['state'] | null,
  change: Partial<Node> = {},
  caddy: 'running' | 'down' = 'running',
): Node {
  const traffic =
    state === null
      ? []
      : [{ allocation: draining.id, state, inFlight: state === 'draining' ? 5 : 0, reason: null }];
  const ingressObserved = {
    revision: 1,
    caddy,
    caddyVersion: null,
    resolver: 'running' as const,
    reason: caddy === 'down' ? 'port 80 is taken' : null,
    traffic,
    weights: [],
  };
  return aNode('n1', { ingress: true, ingressObserved, ...change });
}

const cut = { connectedAtMs: null, reported: false };

t.test('routed is what every live ingress node has acknowledged', async (t) => {
  t.equal(routingOf(draining, [anIngress('routed'), anIngress('routed')]).isRouted, true);
  t.equal(routingOf(draining, [anIngress('routed'), anIngress('pending')]).isRouted, false);
  t.equal(routingOf(draining, [anIngress('routed'), anIngress(null, cut)]).isRouted, true);
  t.match(
    routingOf(draining, [anIngress(null, {}, 'down')]).reason,
    'the ingress on host-n1: port 80 is taken',
  );
  t.match(routingOf(draining, [anIngress('routed', cut)]).reason, 'no ingress node is connected (host-n1)');
  t.match(routingOf(draining, []).reason, 'no node has the ingress role');
});

t.test('drained is what every ingress node has let go of', async (t) => {
  t.same(drainOf(draining, 30_000, [anIngress('drained')], 10), { kind: 'done', inFlight: 0 });
  t.match(drainOf(draining, 30_000, [anIngress('draining')], 10), { kind: 'wait', wakeAtMs: 30_000 });
  t.match(drainOf(draining, 30_000, [anIngress('drained'), anIngress('drained', cut)], 10), { kind: 'wait' });
});

t.test('the drain deadline ends the wait for requests, and says how many there were', async (t) => {
  t.same(drainOf(draining, 30_000, [anIngress('draining')], 30_000), { kind: 'done', inFlight: 5 });
});

t.test('no deadline ends the wait for an ingress that still hands out requests', async (t) => {
  t.match(drainOf(draining, 30_000, [anIngress('routed')], 99_000), {
    kind: 'wait',
    reason: /still routes to it/,
  });
  t.match(drainOf(draining, 30_000, [anIngress('drained', cut)], 99_000), {
    kind: 'wait',
    reason: /no ingress/,
  });
  t.match(drainOf(draining, 30_000, [anIngress('routed', {}, 'down')], 99_000), { kind: 'done' });
});

t.test('even without a drain timeout the proxy gets the time to let go', async (t) => {
  t.match(drainOf(draining, 0, [anIngress('draining')], 10), { kind: 'wait', wakeAtMs: MIN_DRAIN_MS });
});
