/** Membership changes on a real Caddy under load: nothing fails, Caddy is not reloaded, and the facts are true. */
import { TimeoutError } from 'got';
import t from 'tap';
import { caddyTraits } from '../../proxy-config/caddy-version.js';
import type { Route } from '../../proxy-config/route.js';
import { anAllocation, aRoute, startBackend, startEdge, startLoad, until } from './ingress-harness.js';

t.setTimeout(180_000);
const edge = await startEdge();
const backends = {
  one: await startBackend('one'),
  two: await startBackend('two'),
  slow: await startBackend('slow', (_request, response) => held.push(response)),
};
const held: { end(text: string): void }[] = [];
t.teardown(async () => {
  for (const response of held) response.end('late');
  await edge.close();
  for (const backend of Object.values(backends)) await backend.close();
});

const one = anAllocation('a.1', backends.one.endpoint.port);
const two = anAllocation('a.2', backends.two.endpoint.port);
const withAllocations = (...allocations: Route['allocations']) => edge.apply([aRoute({ allocations })]);
const loads = () => edge.logs.filter((line) => line.startsWith('Caddy serves')).length;
const names = async (requests: number) =>
  new Set(await Promise.all(Array.from({ length: requests }, () => edge.client('').text())));

withAllocations(one);
await until('a first route', () => edge.traffic('a.1')?.state === 'routed');

t.test('allocations come and go under load with no failed request and no load of Caddy', async (t) => {
  const load = startLoad(edge);
  for (let round = 0; round < 4; round += 1) {
    withAllocations(one, two);
    await until('the second is routed', () => edge.traffic('a.2')?.state === 'routed');
    withAllocations({ ...one, desired: 'draining' }, two);
    await until('the first is drained', () => edge.traffic('a.1')?.state === 'drained');
    withAllocations(one, two);
    await until('the first is routed', () => edge.traffic('a.1')?.state === 'routed');
    withAllocations(one, { ...two, desired: 'draining' });
    await until('the second is drained', () => edge.traffic('a.2')?.state === 'drained');
  }
  const { done, failed } = await load.stop();
  t.same(failed, []);
  t.ok(done > 100, `${done} requests`);
  t.equal(loads(), 1);
});

t.test('after routed both answer, after drained only the other', async (t) => {
  withAllocations(one, two);
  await until('both routed', () => edge.traffic('a.2')?.state === 'routed');
  t.same([...(await names(60))].sort(), ['one', 'two']);
  withAllocations(one, { ...two, desired: 'draining' });
  await until('drained', () => edge.traffic('a.2')?.state === 'drained');
  t.same([...(await names(60))], ['one']);
});

t.test('an allocation drains only when its request in flight has ended', async (t) => {
  const slow = anAllocation('a.3', backends.slow.endpoint.port);
  withAllocations(slow);
  await until('routed', () => edge.traffic('a.3')?.state === 'routed');
  const answer = edge.client.post('').text();
  await until('the request has arrived', () => held.length === 1);
  withAllocations(one, { ...slow, desired: 'draining' });
  await until('it is counted', () => edge.traffic('a.3')?.reason === '1 request in flight');
  t.match(edge.traffic('a.3'), { state: 'draining', inFlight: 1 });
  t.same([...(await names(20))], ['one'], 'others are served meanwhile');
  t.equal(edge.traffic('a.3')?.state, 'draining');
  held.pop()?.end('late');
  t.equal(await answer, 'late');
  await until('drained', () => edge.traffic('a.3')?.state === 'drained');
});

t.test('what this node knows of its own allocations overrides the routes', async () => {
  withAllocations(one, two);
  await until('both routed', () => edge.traffic('a.2')?.state === 'routed');
  edge.role.setLocal(new Map([['a.1', null]]));
  await until('withdrawn', () => edge.traffic('a.1')?.state === 'pending');
  await until('only the second answers', async () => (await names(20)).size === 1);
  edge.role.setLocal(new Map([['a.1', backends.one.endpoint]]));
  await until('back', () => edge.traffic('a.1')?.state === 'routed');
});

t.test('what can be sent again waits for a service that restarts; else 503 with Retry-After', async (t) => {
  withAllocations(one);
  await until('routed', () => edge.traffic('a.1')?.state === 'routed');
  edge.role.setLocal(new Map([['a.1', null]]));
  await until('withdrawn', () =>
    edge.client('', { timeout: { request: 500 } }).then(
      () => null,
      (error: Error) => error instanceof TimeoutError,
    ),
  );
  if (!caddyTraits(edge.role.observed()?.caddyVersion ?? null).keepsBodies) {
    const refused = await edge.client.post('', { body: 'x' });
    t.equal(refused.statusCode, 503);
    t.ok(refused.headers['retry-after']);
  }
  const waiting = edge.client('').text();
  edge.role.setLocal(new Map());
  t.equal(await waiting, 'one');
});

t.test('a restarted agent adopts Caddy, its config and the facts', async (t) => {
  withAllocations(one, { ...two, desired: 'draining' });
  await until(
    'routed and drained',
    () => edge.traffic('a.1')?.state === 'routed' && edge.traffic('a.2')?.state === 'drained',
  );
  const pids = [edge.pidOf('caddy'), edge.pidOf('resolver')];
  const before = loads();
  await edge.restartRole();
  t.equal(await edge.client('').text(), 'one', 'nobody is needed to answer');
  withAllocations(one, { ...two, desired: 'draining' });
  await until(
    'the same facts',
    () => edge.traffic('a.1')?.state === 'routed' && edge.traffic('a.2')?.state === 'drained',
  );
  t.same([edge.pidOf('caddy'), edge.pidOf('resolver')], pids);
  t.equal(loads(), before, 'an identical config is not loaded');
  t.match(edge.role.observed(), { caddy: 'running', resolver: 'running', reason: null });
});
