import t from 'tap';
import { assignmentOf, type IngressSettings } from '../../../../master/plan/assignments.js';
import { dnsLabel, keepTagOf, srvNameOf } from '../../../../master/plan/names.js';
import { routesOf } from '../../../../master/plan/routes.js';
import type { ServiceState } from '../../../../master/plan/snapshot.js';
import { ingressSchema } from '../../../../proxy-config/route.js';
import { assignmentSchema } from '../../../../shared/protocol.js';
import { aNode, anAllocation, anObserved, aRelease, aRollout, aService, aSpec } from './things.js';

const certificate = { names: ['api.example.com'], certPem: 'cert', keyPem: 'key' };
const ingress: IngressSettings = {
  httpPort: 80,
  httpsPort: 443,
  caddy: 'auto',
  certificates: new Map([['api.example.com', certificate]]),
  fallbackCertificate: { names: [], certPem: 'c', keyPem: 'k' },
};
const endpoint = { address: '172.17.0.1', port: 32_000 };

function aState(change: Partial<ServiceState> = {}): ServiceState {
  return { service: aService(), releases: [aRelease(1)], rollout: null, allocations: [], ...change };
}

const assign = (state: ServiceState, node = aNode()) =>
  assignmentOf({ cluster: 'test', node, services: [state], ingress, unreachable: new Set() });

t.test('a node is told of its own allocations, all of them, and nobody else’s', async (t) => {
  const state = aState({
    allocations: [
      anAllocation(3, { node: 'n2' }),
      anAllocation(2, { desired: 'stopped' }),
      anAllocation(1, { desired: 'draining', slot: 0 }),
    ],
  });
  const assignment = assign(state);
  t.match(assignment.allocations, [
    { id: 'shop.api.1', desired: 'running', imageId: 'sha256:good:1', stopGraceMs: 10_000 },
    { id: 'shop.api.2', desired: 'stopped' },
  ]);
  t.ok(assignmentSchema.safeParse({ ...assignment, revision: 1 }).success);
  t.ok(ingressSchema.safeParse(assignment.ingress).success);
});

t.test('an exit is reported while a rollout judges it, and replaced otherwise', async (t) => {
  const rollout = aRollout({ state: 'rolling', release: 2, from: 1 });
  const allocations = [
    anAllocation(1, { release: 1 }),
    anAllocation(2, { release: 2, createdAtMs: 1_000_001 }),
    anAllocation(3, { release: 2, createdAtMs: 999_999 }),
    anAllocation(4, { release: 1, desired: 'draining' }),
  ];
  const onExit = (state: Partial<ServiceState>) =>
    assign(aState({ allocations, releases: [aRelease(1), aRelease(2)], ...state })).allocations.map(
      (a) => a.onExit,
    );
  t.same(onExit({ rollout }), ['replace', 'report', 'replace', 'report']);
  t.same(onExit({ rollout: null }), ['replace', 'replace', 'replace', 'report']);
  t.same(onExit({ rollout: { ...rollout, state: 'rolling_back' } }), [
    'replace',
    'replace',
    'replace',
    'report',
  ]);
});

t.test('an image is wanted on the node a rollout prepares on, as its kind says', async (t) => {
  const images = (change: Parameters<typeof aRollout>[0], node = 'n1') =>
    assign(aState({ rollout: aRollout({ node: 'n1', ...change }) }), aNode(node)).images;
  t.same(images({}), [{ id: 'r1', ref: 'good:1', pull: 'if-not-present', imageId: null }]);
  t.same(images({ kind: 'redeploy' }), [{ id: 'r1', ref: 'good:1', pull: 'always', imageId: null }]);
  const never = aSpec({ container: { pull: 'never' } });
  t.match(images({ kind: 'redeploy', spec: never }), [{ pull: 'never' }]);
  const back = { kind: 'rollback', release: 1 } as const;
  const stored = { id: 'r1', ref: 'good:1', imageId: 'sha256:good:1' };
  t.same(images(back), [{ ...stored, pull: 'if-not-present' }], 'pulled again where it is gone');
  t.same(images({ ...back, spec: never }), [{ ...stored, pull: 'never' }]);
  t.same(images({}, 'n2'), []);
  t.same(images({ state: 'rolling' }), []);
});

t.test('the images of all kept releases are kept', async (t) => {
  const releases = [aRelease(2, aSpec({ container: { image: 'good:2' } })), aRelease(1)];
  t.same(assign(aState({ releases })).keep, [
    { imageId: 'sha256:good:1', tag: 'orca.local/test/shop/api:v1' },
    { imageId: 'sha256:good:2', tag: 'orca.local/test/shop/api:v2' },
  ]);
});

t.test('only ingress nodes are told of routes', async (t) => {
  t.equal(assign(aState(), aNode('n2')).ingress, null);
  t.match(assign(aState(), aNode('n1')).ingress, {
    httpPort: 80,
    httpsPort: 443,
    routes: [{ service: 'shop/api' }],
  });
});

t.test('a domain without a certificate is left out until it has one', async (t) => {
  const two = aState({ service: aService(aSpec({ domains: ['api.example.com', 'new.example.com'] })) });
  t.match(assign(two).ingress, { routes: [{ domains: ['api.example.com'] }], certificates: [certificate] });
  const none = aState({ service: aService(aSpec({ domains: ['new.example.com'] })) });
  t.match(assign(none).ingress, { routes: [], certificates: [] });
});

t.test('a name without TLS needs no certificate, and is shown none', async (t) => {
  const domains = ['plain.example.com', 'api.example.com'];
  const state = aState({ service: aService(aSpec({ domains, httpOnly: true })) });
  t.match(assign(state).ingress, { routes: [{ domains, httpOnly: true }] });
  t.same(ingressSchema.parse(assign(state).ingress).certificates, []);
  t.notOk(routesOf([aState()], new Set()).some((route) => 'httpOnly' in route));
});

t.test('an ingress is told of proxies that are trusted, and of names that send HSTS', async (t) => {
  const hsts = { maxAgeSecs: 60, includeSubdomains: false, preload: false };
  const services = [aState({ service: aService(aSpec({ hsts })) })];
  const more = { trustedProxies: ['10.0.0.0/8'], trusted: new Set(['api.example.com']) };
  const told = (settings: IngressSettings) =>
    assignmentOf({ cluster: 'c', node: aNode(), services, ingress: settings, unreachable: new Set() })
      .ingress;
  t.match(ingressSchema.parse(told({ ...ingress, ...more })), {
    trustedProxies: ['10.0.0.0/8'],
    hsts: [{ value: 'max-age=60', names: ['api.example.com'] }],
  });
  t.notOk(Object.keys(told(ingress) ?? {}).some((key) => ['trustedProxies', 'hsts'].includes(key)));
});

t.test(
  'a route holds what is routed or draining, with its endpoint, and none where it is not ready',
  async (t) => {
    const allocations = [
      anAllocation(1, { desired: 'running' }),
      anAllocation(2, { desired: 'routed', observed: anObserved('ready', { endpoint }) }),
      anAllocation(3, { desired: 'draining', observed: anObserved('unready', { endpoint }) }),
      anAllocation(4, { desired: 'stopped' }),
      anAllocation(5, { desired: 'routed', observed: anObserved('unready', { endpoint }) }),
      anAllocation(6, { desired: 'routed', observed: anObserved('pending', { endpoint }) }),
    ];
    t.match(routesOf([aState({ allocations })], new Set()), [
      {
        srvName: 'api.shop.orca',
        wanted: true,
        canaryWeight: 0,
        allocations: [
          { id: 'shop.api.2', desired: 'routed', endpoint },
          { id: 'shop.api.3', desired: 'draining', endpoint },
          { id: 'shop.api.5', desired: 'routed', endpoint: null },
          { id: 'shop.api.6', desired: 'routed', endpoint: null },
        ],
      },
    ]);
  },
);

t.test('what is on a silent node is not routed to, unless nothing else would answer', async (t) => {
  const routed = (number: number, node: string, state: 'ready' | 'unready' = 'ready') =>
    anAllocation(number, { node, desired: 'routed', observed: anObserved(state, { endpoint }) });
  const ids = (allocations: ServiceState['allocations']) =>
    routesOf([aState({ allocations })], new Set(['n2'])).flatMap((r) => r.allocations.map(({ id }) => id));
  t.same(ids([routed(1, 'n1'), routed(2, 'n2')]), ['shop.api.1']);
  t.same(ids([routed(1, 'n2'), routed(2, 'n2')]), ['shop.api.1', 'shop.api.2']);
  t.same(ids([routed(1, 'n1', 'unready'), routed(2, 'n2')]), ['shop.api.1', 'shop.api.2']);
  t.same(ids([anAllocation(1, { desired: 'draining' }), routed(2, 'n2')]), ['shop.api.1', 'shop.api.2']);
});

t.test(
  'a stopped service keeps its route, a removed one until nothing is left, an internal one has none',
  async (t) => {
    const of = (change: object, allocations = [] as ServiceState['allocations']) =>
      routesOf([aState({ service: aService(aSpec(), change), allocations })], new Set()).map(
        (route) => route.wanted,
      );
    t.same(of({ desired: 'stopped' }), [false]);
    t.same(of({ desired: 'removed' }), []);
    t.same(of({ desired: 'removed' }, [anAllocation(1, { desired: 'draining' })]), [false]);
    t.same(routesOf([aState({ service: aService(aSpec({ internal: true })) })], new Set()), []);
  },
);

t.test('names fit where they are used, and stay apart', async (t) => {
  t.equal(srvNameOf('shop', 'api'), 'api.shop.orca');
  t.match(dnsLabel('My_Api'), /^my-api-[0-9a-f]{6}$/);
  t.not(dnsLabel('my_api'), dnsLabel('my.api'));
  t.not(dnsLabel('API'), dnsLabel('api'));
  t.ok(dnsLabel('a'.repeat(200)).length <= 63);
  t.match(dnsLabel('___'), /^x-[0-9a-f]{6}$/);
  t.match(keepTagOf('c1', 'Shop', 'api', 3), /^orca\.local\/c1\/shop-[0-9a-f]{6}\/api:v3$/);
});

t.test('an agent that carries hears of images that no registry has; another one nothing', async (t) => {
  const image = { ref: 'app:1', id: 'sha256:1', digest: null };
  const pulled = { ...image, id: 'sha256:2', digest: 'app@sha256:d' };
  const state = aState({
    releases: [
      { ...aRelease(1), image },
      { ...aRelease(2), image: pulled },
    ],
    allocations: [anAllocation(1)],
  });
  const carrying = aNode();
  carrying.facts.carries = true;
  t.same(assign(state, carrying).carry, { watch: ['sha256:1'], fetch: [], serve: [] });
  t.equal(assign(state).carry, undefined);
  const onlyPulled = aState({ releases: [{ ...aRelease(2), image: pulled }] });
  t.equal(assign(onlyPulled, carrying).carry, undefined);
});

t.test('all nodes are asked for an image while it is looked for, and no registry', async (t) => {
  const spec = aSpec({ container: { image: 'app:1', pull: 'never' } });
  const rollout = aRollout({ state: 'preparing', node: 'n1', spec });
  const images = (isSearching: boolean, node: string) =>
    assign(aState({ rollout: isSearching ? { ...rollout, isSearching } : rollout }), aNode(node)).images;
  t.match(images(false, 'n1'), [{ ref: 'app:1' }]);
  t.same(images(false, 'n2'), []);
  t.match(images(true, 'n2'), [{ id: rollout.id, ref: 'app:1', pull: 'never' }]);
});
