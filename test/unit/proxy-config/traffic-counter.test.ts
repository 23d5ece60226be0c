import t from 'tap';
import type { Route } from '../../../proxy-config/route.js';
import { createTrafficCounter } from '../../../proxy-config/traffic-counter.js';
import { readTrafficLine } from '../../../proxy-config/traffic-line.js';
import { plainRoute } from '../../support/plain-route.js';

const line = (over: object = {}) =>
  JSON.stringify({ user_id: 'ip-10-0-0-1.orca.:8001|||text/html', status: 200, duration: 0.02, ...over });
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
  const answer = { upstream: 'ip-10-0-0-1.orca:8001', status: 200, durationMs: 20 };
  t.same(readTrafficLine(line()), { answer, failed: null });
  t.equal(readTrafficLine(line({ status: 101 }))?.answer?.durationMs, null);
  t.equal(readTrafficLine(line({ user_id: '10.0.0.1:80|||text/event-stream; x' }))?.answer?.durationMs, null);
});

t.test('a line says whose first try broke, whatever came of the next one', async (t) => {
  const user_id = '10.0.0.1:80|ip-10-0-0-2.orca.:8002||';
  t.match(readTrafficLine(line({ user_id })), { answer: { status: 200 }, failed: 'ip-10-0-0-2.orca:8002' });
  const left = readTrafficLine(line({ user_id, status: 499 }));
  t.same(left, { answer: null, failed: 'ip-10-0-0-2.orca:8002' });
});

t.test('where Caddy 2.6.2 gives no status it was an upgrade, or a client that went away', async (t) => {
  const upgraded = { status: 0, user_id: '10.0.0.1:80||websocket|' };
  t.match(readTrafficLine(line(upgraded)), { answer: { status: 101, durationMs: null } });
  for (const status of [0, 499]) {
    const left = readTrafficLine(line({ status }));
    t.same(left, { answer: null, failed: null }, 'a client that left says nothing of an answer');
  }
});

t.test('what is no such line is nothing', async (t) => {
  for (const text of ['', '{', 'null', '7', '[]', line({ user_id: 7 }), line({ duration: 'x' })])
    t.equal(readTrafficLine(text), null, text);
  for (const over of [{ status: 7 }, { status: 600 }, { user_id: '' }, { user_id: '|||text/html' }])
    t.same(readTrafficLine(line(over)), { answer: null, failed: null });
});

t.test('counts by release, under the name of the record and of the fallback', async (t) => {
  const counter = createTrafficCounter();
  counter.follow([aRoute([1, 2])], endpointOf);
  counter.count(line());
  counter.count(line({ user_id: '10.0.0.1:8001|' }));
  counter.count(line({ user_id: 'ip-10-0-0-1.orca.:8002|', status: 503 }));
  counter.count(line({ user_id: 'ip-10-0-0-9.orca.:8002|' }));
  const [one, two] = counter.figures() ?? [];
  t.match(one, { service: 'shop/api', release: 1, requests: 2, classes: [0, 2, 0, 0, 0] });
  t.match(two, { release: 2, requests: 1, classes: [0, 0, 0, 0, 1] });
});

t.test('a try that broke is an error of its release, and the answer is the other’s', async (t) => {
  const counter = createTrafficCounter();
  counter.follow([aRoute([1, 2])], endpointOf);
  counter.count(line({ user_id: '10.0.0.1:8001|10.0.0.1:8002||' }));
  const [one, two] = counter.figures() ?? [];
  t.match(one, { release: 1, requests: 1, classes: [0, 1, 0, 0, 0] });
  t.match(two, { release: 2, requests: 1, classes: [0, 0, 0, 0, 1] });
  t.equal(
    two?.latency.reduce((a, b) => a + b),
    0,
  );
});

t.test('one that has left the routes is counted still', async (t) => {
  const counter = createTrafficCounter();
  counter.follow([aRoute([1])], endpointOf);
  counter.follow([aRoute([])], endpointOf);
  counter.count(line());
  t.equal(counter.figures()?.[0]?.requests, 1);
});

t.test(
  'nothing is said before a service is measured; once it was, an empty list says that none is',
  async (t) => {
    const counter = createTrafficCounter();
    counter.follow([aRoute([1], { measured: false })], endpointOf);
    counter.count(line());
    t.equal(counter.figures(), null);
    counter.follow([aRoute([1])], endpointOf);
    t.same(counter.figures(), []);
    counter.count(line());
    counter.follow([aRoute([1], { measured: false })], endpointOf);
    t.same(counter.figures(), []);
  },
);

t.test('a service that is measured again goes on from where it was: counts never get less', async (t) => {
  const counter = createTrafficCounter();
  counter.follow([aRoute([1])], endpointOf);
  counter.count(line());
  counter.follow([aRoute([1], { measured: false })], endpointOf);
  counter.follow([aRoute([1])], endpointOf);
  counter.count(line());
  t.equal(counter.figures()?.[0]?.requests, 2);
});

t.test('an upstream that one which drains has left and another took is the other’s', async (t) => {
  const counter = createTrafficCounter();
  const [first, second] = aRoute([1, 2]).allocations;
  if (!first || !second) throw new Error('two allocations');
  counter.follow([aRoute([], { allocations: [second, { ...first, desired: 'draining' }] })], () => ({
    address: '10.0.0.1',
    port: 8_001,
  }));
  counter.count(line());
  t.match(counter.figures(), [{ release: 2, requests: 1 }]);
});

const lineOf = (release: number) => line({ user_id: `ip-10-0-0-1.orca.:${8_000 + release}|||` });
const releasesOf = (counter: ReturnType<typeof createTrafficCounter>) =>
  (counter.figures() ?? []).map((f) => f.release).sort((a, b) => a - b);

t.test('of a service the five releases that left the routes last are kept', async (t) => {
  const counter = createTrafficCounter();
  for (const release of [1, 2, 3, 4, 5, 6, 7]) {
    counter.follow([aRoute([release])], endpointOf);
    counter.count(lineOf(release));
  }
  t.same(releasesOf(counter), [2, 3, 4, 5, 6, 7]);
});

t.test('an old release that a rollback brought back is counted like any other', async (t) => {
  const counter = createTrafficCounter();
  for (const release of [2, 3, 4, 5, 6, 7, 8]) {
    counter.follow([aRoute([release])], endpointOf);
    counter.count(lineOf(release));
  }
  counter.follow([aRoute([1, 8])], endpointOf);
  counter.count(lineOf(1));
  counter.count(lineOf(1));
  t.match(
    counter.figures()?.find((f) => f.release === 1),
    { requests: 2 },
  );
});
