import t from 'tap';
import { markOf, shapeInForce } from '../../../../master/plan/shape.js';
import type { Node } from '../../../../shared/model.js';
import type { ShapeObserved } from '../../../../shared/shape.js';
import { running, type Shop } from './cluster.js';
import { aNode, anAllocation, aRelease, aService, aSpec } from './things.js';

const service = aService();
const state = { service, releases: [aRelease(1)], allocations: [anAllocation(1)] };
const mark = markOf(service);
const key = service.key;

/** An ingress that says this; `undefined`: an older agent. */
function anIngress(shapes: ShapeObserved[] | undefined, change: Partial<Node> = {}): Node {
  const said = { revision: 1, caddy: 'running' as const, caddyVersion: null, resolver: 'running' as const };
  const ingressObserved = { ...said, reason: null, traffic: [], weights: [], ...(shapes ? { shapes } : {}) };
  return aNode('n1', { ingress: true, ingressObserved, ...change });
}
const cut = { connectedAtMs: null, reported: false };

t.test('in force is what every live ingress has said of this very state', async (t) => {
  const has = anIngress([{ service: key, mark }]);
  t.equal(shapeInForce(state, [has, has]).isInForce, true);
  t.match(shapeInForce(state, [has, anIngress([{ service: key, mark: 'older' }])]), {
    isInForce: false,
    reason: 'the ingress on host-n1 has not loaded its routes yet',
    refusal: null,
  });
  t.equal(shapeInForce(state, [anIngress([])]).isInForce, false);
  t.equal(shapeInForce(state, [anIngress([], { ingressObserved: null })]).isInForce, false);
});

t.test('one that is cut off is not waited for; without any that is there, nothing is in force', async (t) => {
  const has = anIngress([{ service: key, mark }]);
  t.equal(shapeInForce(state, [has, anIngress([], cut)]).isInForce, true);
  t.match(shapeInForce(state, [anIngress([], cut)]).reason, 'no ingress node is connected (host-n1)');
});

t.test('an agent of before says nothing of it, and is not waited for', async (t) => {
  t.equal(shapeInForce(state, [anIngress(undefined)]).isInForce, true);
});

t.test('a service without a route is gone when no ingress has it any more', async (t) => {
  const internal = { ...state, service: aService(aSpec({ domains: [] })) };
  const older = { service: key, mark: 'older' };
  t.equal(shapeInForce(internal, [anIngress([older])]).isInForce, false);
  t.equal(shapeInForce(internal, [anIngress([{ ...older, mark: null }])]).isInForce, false);
  t.equal(shapeInForce(internal, [anIngress([])]).isInForce, true);
  t.equal(shapeInForce(internal, [anIngress([], cut)]).isInForce, true, 'it waits for nobody');
});

t.test('a refusal counts for what was refused alone', async (t) => {
  const refused = { mark, reason: 'Caddy answered 400: no' };
  t.match(shapeInForce(state, [anIngress([{ service: key, mark: 'older', refused }])]), {
    refusal: 'the ingress on host-n1 refuses it: Caddy answered 400: no',
  });
  const other = { ...refused, mark: 'another' };
  t.equal(shapeInForce(state, [anIngress([{ service: key, mark: 'older', refused: other }])]).refusal, null);
});

t.test('who goes back to what was before has another mark: an old word is not taken for it', async (t) => {
  t.not(markOf({ ...service, updatedAtMs: 1 }), mark);
  t.not(markOf({ ...service, maintenance: { message: '', by: '', sinceMs: 1 } }), mark);
  t.equal(markOf({ ...service, replicas: 9, planned: { ...service.planned, canaryWeight: 50 } }), mark);
});

const elsewhere = aSpec({ domains: ['www.example.com'] });
/** Plans and ticks until the newest rollout has ended; the reasons it had meanwhile. */
function follow(shop: Shop, steps = 400): string[] {
  const reasons: string[] = [];
  for (let i = 0; i < steps && shop.cluster.snapshot.rollout !== null; i += 1) {
    shop.cluster.plan();
    shop.cluster.plan();
    const { rollout } = shop.cluster.snapshot;
    if (rollout?.reason) reasons.push(rollout.reason);
    shop.cluster.tick(250);
  }
  return [...new Set(reasons)];
}
const domainsServed = (shop: Shop): unknown[] => {
  const routes = shop.cluster.host('n1').assignment?.ingress?.routes;
  return Array.isArray(routes) ? routes.flatMap(({ domains }) => domains) : [];
};

t.test('a deploy that changes a domain ends when the ingress has it, and makes nothing', async (t) => {
  const shop = running();
  const before = shop.cluster.snapshot.allocations.map(({ id }) => id);
  shop.deploy(elsewhere);
  const reasons = follow(shop);
  t.match(reasons.at(-1), 'the ingress on host-n1 has not loaded its routes yet');
  const shape = shop.cluster.snapshot.nodes[0]?.node.ingressObserved?.shapes?.[0];
  t.equal(shape?.mark, markOf(shop.cluster.snapshot.service), 'it had said so by then');
  t.match(shop.lastRollout(), { state: 'succeeded', release: 1 });
  t.same(
    shop.cluster.snapshot.allocations.map(({ id }) => id),
    before,
  );
});

t.test(
  'what Caddy refuses fails the rollout with its words, and what was before is in force again',
  async (t) => {
    const shop = running();
    shop.cluster.host('n1').refuses = 'Caddy answered 400: no such thing';
    shop.deploy(elsewhere);
    follow(shop);
    t.match(shop.lastRollout(), {
      state: 'failed',
      reason: /refuses it: Caddy answered 400: no such thing; v1 goes on serving/,
    });
    shop.cluster.host('n1').refuses = null;
    shop.cluster.settle();
    t.same(domainsServed(shop), ['api.example.com']);
  },
);

t.test('a rollout that leaves the shape as it was is not held up by a refusal', async (t) => {
  const shop = running();
  shop.cluster.host('n1').refuses = 'Caddy answered 400: no such thing';
  shop.deploy(aSpec({ container: { image: 'good:2' } }));
  follow(shop);
  t.match(shop.lastRollout(), { state: 'succeeded', release: 2 });
});

t.test('an ingress that never takes it up fails it at the progress deadline', async (t) => {
  const shop = running();
  shop.cluster.host('n1').isStuck = true;
  shop.deploy(elsewhere);
  follow(shop);
  t.match(shop.lastRollout(), {
    state: 'failed',
    reason: /no progress within 60 s: the ingress on host-n1 has not loaded its routes yet; v1 goes on/,
  });
});

t.test('an agent of before does not hang it', async (t) => {
  const shop = running();
  shop.cluster.host('n1').shapes = null;
  shop.cluster.tick(250);
  shop.deploy(elsewhere);
  follow(shop);
  t.match(shop.lastRollout(), { state: 'succeeded' });
});
