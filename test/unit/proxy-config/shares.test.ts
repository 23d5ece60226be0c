import t from 'tap';
import { type ShareInput, sharesInForce } from '../../../proxy-config/shares.js';
import { plainRoute } from '../../support/plain-route.js';

const route = {
  service: 'shop/api',
  srvName: 'api.shop.orca',
  domains: ['api.test'],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  allocations: [],
};
const shares = (over: Partial<ShareInput> = {}) =>
  sharesInForce({
    routes: [route],
    published: new Map([['shop/api', { canaryWeight: 20, sinceMs: 1_000, mark: null }]]),
    loadedNames: new Set(['api.shop.orca']),
    refreshMs: 250,
    nowMs: 1_250,
    ...over,
  });

t.test('a share is in force when one refresh has passed since its records were acknowledged', async (t) => {
  t.same(shares(), { weights: [{ service: 'shop/api', canaryWeight: 20 }], wakeAtMs: null });
  t.same(shares({ nowMs: 1_249 }), { weights: [], wakeAtMs: 1_250 });
});

t.test('nothing is said of what is not published, not in the configuration, or not served', async (t) => {
  t.same(shares({ published: new Map() }).weights, []);
  t.same(shares({ loadedNames: new Set() }).weights, []);
  t.same(shares({ routes: [] }).weights, []);
});

t.test('a share that needs names which Caddy has not loaded yet is not in force', async (t) => {
  const sticky = { ...route, sticky: true, boundaries: [20] };
  const loaded = ['api.shop.orca', 'u20.api.shop.orca', 'u100.api.shop.orca'];
  const weights = (names: string[]) => shares({ routes: [sticky], loadedNames: new Set(names) }).weights;
  t.same(weights(loaded.slice(0, 2)), []);
  t.equal(weights(loaded).length, 1);
});
