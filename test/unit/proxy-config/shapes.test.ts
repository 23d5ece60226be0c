import t from 'tap';
import { type ShapeInput, shapesInForce } from '../../../proxy-config/shapes.js';
import { plainRoute } from '../../support/plain-route.js';

const route = {
  service: 'shop/api',
  srvName: 'api.shop.orca',
  domains: ['api.test'],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  allocations: [],
  mark: 'new',
};
const shapes = (over: Partial<ShapeInput> = {}) =>
  shapesInForce({
    routes: [route],
    published: new Map([['shop/api', { canaryWeight: 0, sinceMs: 1_000, mark: 'new' }]]),
    isResolved: true,
    loaded: new Map([['shop/api', 'new']]),
    refused: null,
    refusals: new Map(),
    refreshMs: 250,
    nowMs: 1_250,
    ...over,
  });
const said = (over: Partial<ShapeInput> = {}) => shapes(over).shapes[0];

t.test('a shape is in force when it is published, loaded, and a refresh has passed', async (t) => {
  t.same(shapes(), { shapes: [{ service: 'shop/api', mark: 'new' }], wakeAtMs: null });
  t.match(shapes({ nowMs: 1_249 }), { shapes: [{ mark: null }], wakeAtMs: 1_250 });
  t.match(said({ loaded: new Map([['shop/api', 'old']]) }), { mark: null });
  t.match(said({ loaded: new Map() }), { mark: null });
  t.match(said({ published: new Map([['shop/api', { canaryWeight: 0, sinceMs: 0, mark: 'old' }]]) }), {
    mark: null,
  });
  t.match(said({ isResolved: false }), { mark: null }, 'Caddy goes by what it fell back to');
});

t.test('what is not wanted any more is said as long as Caddy has it', async (t) => {
  t.same(shapes({ routes: [] }).shapes, [{ service: 'shop/api', mark: 'new' }]);
  t.same(shapes({ routes: [], loaded: new Map() }).shapes, []);
});

t.test('a route of a master of before has no mark, and nothing is said of it', async (t) => {
  const { mark: _none, ...older } = route;
  t.same(shapes({ routes: [older], loaded: new Map() }).shapes, []);
});

t.test('what Caddy refused is said of those that it would have changed', async (t) => {
  const loaded = new Map([
    ['shop/api', 'old'],
    ['shop/web', 'same'],
  ]);
  const refused = { marks: new Map([['shop/web', 'same']]).set('shop/api', 'new'), reason: '400' };
  t.same(shapes({ loaded, refused }).shapes, [
    { service: 'shop/api', mark: null, refused: { mark: 'new', reason: '400' } },
    { service: 'shop/web', mark: 'same' },
  ]);
});

t.test('a route that was left out of the config is not in force, whatever was loaded', async (t) => {
  t.same(said({ refusals: new Map([['shop/api', 'a brace']]) }), {
    service: 'shop/api',
    mark: null,
    refused: { mark: 'new', reason: 'a brace' },
  });
});
