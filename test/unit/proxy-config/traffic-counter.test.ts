import t from 'tap';
import type { Route } from '../../../proxy-config/route.js';
import { createTrafficCounter } from '../../../proxy-config/traffic-counter.js';
import { readTrafficLine } from '../../../proxy-config/traffic-line.js';
import { plainRoute } from '../../support/plain-route.js';

const line = (over: object = {}) =>
  JSON.stringify({ user_id: 'ip-10-0-0-1.orca.:8001|text/html', status: 200, duration: 0.02, ...over });
const aRoute = (releases: number[], over: Partial<Route> = {}): Route => ({
  service: 'shop/api',
  srvName: 'api.shop.orca',
  domains: ['a.test'],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  measured: true,
  allocations: releases.map((release) => ({
    id: `${release}`,
    node: 'n1',
    group: 'stable',
    release,
    desired: 'routed',
    endpoint: null,
  })),
  ...over,
});
const endpointOf = (id: string) => ({ address: '10.0.0.1', port: 8_000 + Number(id) });

t.test('a line says upstream, status and time', async (t) => {
  t.same(readTrafficLine(line()), { upstream: 'ip-10-0-0-1.orca:8001', status: 200, durationMs: 20 });
  t.equal(readTrafficLine(line({ status: 101 }))?.durationMs, null);
  t.equal(readTrafficLine(line({ user_id: '10.0.0.1:80|text/event-stream; x' }))?.durationMs, null);
});

t.test('what is no such line is nothing', async (t) => {
  for (const text of [
    '',
    '{',
    'null',
    '7',
    line({ status: 0 }),
    line({ user_id: '|' }),
    line({ duration: 'x' }),
  ])
    t.equal(readTrafficLine(text), null, text);
});

t.test('counts by release, under the name of the record and of the fallback', async (t) => {
  const counter = createTrafficCounter();
  counter.follow([aRoute([1, 2])], endpointOf);
  counter.count(line());
  counter.count(line({ user_id: '10.0.0.1:8001|' }));
  counter.count(line({ user_id: 'ip-10-0-0-1.orca.:8002|', status: 503 }));
  counter.count(line({ user_id: 'ip-10-0-0-9.orca.:8002|' }));
  const [one, two] = counter.figures();
  t.match(one, { service: 'shop/api', release: 1, requests: 2, classes: [0, 2, 0, 0, 0] });
  t.match(two, { release: 2, requests: 1, classes: [0, 0, 0, 0, 1] });
});

t.test(
  'one that has left the routes is counted still; a service that is not measured any more is not',
  async (t) => {
    const counter = createTrafficCounter();
    counter.follow([aRoute([1])], endpointOf);
    counter.follow([aRoute([])], endpointOf);
    counter.count(line());
    t.equal(counter.figures()[0]?.requests, 1);
    counter.follow([aRoute([1], { measured: false })], endpointOf);
    counter.count(line());
    t.same(counter.figures(), []);
  },
);

t.test('of a service the newest five releases are kept', async (t) => {
  const counter = createTrafficCounter();
  counter.follow([aRoute([1, 2, 3, 4, 5, 6])], endpointOf);
  for (const release of [1, 2, 3, 4, 5, 6])
    counter.count(line({ user_id: `ip-10-0-0-1.orca.:${8_000 + release}|` }));
  t.same(
    counter.figures().map((f) => f.release),
    [2, 3, 4, 5, 6],
  );
});
