/** Who gets to which group of a canary on a real Caddy, by cookie and by header; and maintenance. None of it loads Caddy. */
import { Agent } from 'node:https';
import type { Socket } from 'node:net';
import t from 'tap';
import type { Route } from '../../proxy-config/route.js';
import { anAllocation, aRoute, ask, curl, startBackend, startEdge, until } from './ingress-harness.js';

const CLIENTS = 400;
const UPGRADE = [
  ...['--http1.1', '-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket'],
  ...['-H', 'Sec-WebSocket-Version: 13', '-H', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='],
];

t.setTimeout(120_000);
const edge = await startEdge();
const stable = await startBackend('stable');
const canary = await startBackend('canary');
const keepAlive = new Agent({ keepAlive: true, maxSockets: 8 });
t.teardown(async () => {
  keepAlive.destroy();
  await edge.close();
  for (const backend of [stable, canary]) await backend.close();
});
const loads = () => edge.logs.filter((line) => line.startsWith('Caddy serves')).length;

async function at(canaryWeight: number, over: Partial<Route> = {}): Promise<void> {
  const allocations = [
    anAllocation('a.1', stable.endpoint.port, { release: 1 }),
    anAllocation('a.2', canary.endpoint.port, { release: 2, group: 'canary' }),
  ];
  edge.apply([
    aRoute({ sticky: true, boundaries: [5, 20, 50], groupHeader: true, canaryWeight, allocations, ...over }),
  ]);
  await until('in force', () => edge.role.observed()?.weights[0]?.canaryWeight === canaryWeight);
  await until('routed', () => edge.traffic('a.2')?.state === 'routed');
}

/** The group that answered, and the cookie that was set. */
async function groupOf(
  headers: Record<string, string> = {},
): Promise<{ group: string; cookie: string | null }> {
  const { body, headers: answered } = await ask(edge, keepAlive, 'GET', headers);
  const set = answered['set-cookie']?.find((one) => one.startsWith('orca_group='));
  return { group: body, cookie: set ?? null };
}

t.test('a client keeps its group in each step, and moves only with the weight', async (t) => {
  await at(0);
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => groupOf()));
  for (const { cookie } of clients)
    t.match(cookie, /^orca_group=[0-9a-f]{8}; Path=\/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax$/);
  const cookies = clients.map(({ cookie }) => (cookie ?? '').split(';')[0] ?? '');
  t.equal(new Set(cookies).size, CLIENTS);
  const before = loads();
  let held = cookies.map(() => 'stable');
  let last = 0;
  for (const weight of [0, 5, 20, 50, 100, 20, 0]) {
    await at(weight);
    const groupNow = async (cookie: string): Promise<string> => {
      const answers = await Promise.all([groupOf({ cookie }), groupOf({ cookie: `a=b; ${cookie}` })]);
      if (answers[0]?.group !== answers[1]?.group) t.fail(`${cookie} saw both groups at ${weight} %`);
      if (answers.some((answer) => answer.cookie !== null)) t.fail(`${cookie} was given another one`);
      return answers[0]?.group ?? '';
    };
    const now = await Promise.all(cookies.map(groupNow));
    const wrong = weight >= last ? ['canary', 'stable'] : ['stable', 'canary'];
    const movedBack = now.filter((group, i) => held[i] === wrong[0] && group === wrong[1]).length;
    t.equal(movedBack, 0, `at ${weight} % nobody moves the other way`);
    const share = (now.filter((group) => group === 'canary').length / CLIENTS) * 100;
    const deviation = 100 * Math.sqrt(((weight / 100) * (1 - weight / 100)) / CLIENTS);
    t.ok(Math.abs(share - weight) <= Math.max(1, 4 * deviation), `${share} % at ${weight} %`);
    held = now;
    last = weight;
  }
  t.equal(loads(), before);
});

t.test('a cookie that is not one of ours is replaced, and reaches nothing', async (t) => {
  for (const value of ['', 'zzzzzzzz', '{http.request.host}', '00000000x', 'ABCDEF01'])
    t.ok((await groupOf({ cookie: `orca_group=${value}` })).cookie, value);
});

t.test('the header chooses the group, over the cookie; anything else in it is ignored', async (t) => {
  await at(0);
  t.equal((await groupOf({ 'x-orca-group': 'canary' })).group, 'canary');
  t.equal((await groupOf({ 'x-orca-group': 'canary', cookie: 'orca_group=ffffffff' })).group, 'canary');
  await at(100);
  t.equal((await groupOf({ 'x-orca-group': 'stable' })).group, 'stable');
  t.equal((await groupOf({ 'x-orca-group': 'STABLE' })).group, 'canary');
  t.equal((await groupOf({ 'x-orca-group': '{http.request.host}' })).group, 'canary');
  edge.role.setLocal(new Map([['a.1', null]]));
  await until('withdrawn', () => edge.traffic('a.1')?.state === 'pending');
  await until(
    'the other group',
    async () => (await groupOf({ 'x-orca-group': 'stable' })).group === 'canary',
  );
  edge.role.setLocal(new Map());
});

t.test('maintenance is a page over the same connection, and its end too, without a load', async (t) => {
  await at(0);
  const before = loads();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  agent.on('free', (socket: Socket) => ports.add(socket.localPort));
  t.teardown(() => agent.destroy());
  const status = async () => (await ask(edge, agent)).status;
  t.equal(await status(), 200);
  await at(0, { maintenance: 'back at <noon> {now}' });
  const page = await until('the page', async () => {
    const reply = await ask(edge, agent);
    return reply.status === 503 ? reply : null;
  });
  t.match(page.body, /back at &lt;noon&gt; \{now\}/);
  // Each name has an age of its own in Caddy: of twenty new clients some look up each of them.
  await until('it is everywhere', async () => {
    const replies = await Promise.all(Array.from({ length: 20 }, () => edge.client('')));
    return replies.every((reply) => reply.statusCode === 503);
  });
  t.equal((await ask(edge, agent, 'POST')).status, 503);
  t.match((await edge.client('')).headers, { 'retry-after': /\d+/ });
  const page503 = await curl(edge, 'https://shop.test/', '-i', ...UPGRADE);
  t.match(page503, /^HTTP\/1.1 503 /, 'a WebSocket too');
  t.match(page503, /retry-after: 5/i);
  for (const id of ['a.1', 'a.2']) t.equal(edge.traffic(id)?.state, 'routed', 'as they were');
  await at(0);
  await until('its end', async () => (await status()) === 200);
  t.equal(ports.size, 1, 'one connection throughout');
  t.equal(loads(), before);
});
