import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import t, { type Test } from 'tap';
import type { Health } from '../../../agent/facts.js';
import { runProbe } from '../../../agent/probe.js';
import { nextDelayMs, startProber } from '../../../agent/prober.js';
import type { Probe } from '../../../shared/spec.js';
import { fakeEngine } from '../../support/fake-engine.js';
import { waitFor } from '../../support/wait-for.js';
import { httpProbe, staysUp, tcpProbe } from './an.js';

const target = { containerId: 'c1', address: '127.0.0.1' };

async function serving(t: Test, status: () => number | null): Promise<number> {
  const server: Server = createServer((_, response) => {
    const code = status();
    if (code !== null) response.writeHead(code).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

t.test('HTTP: 200 to 399 is well; anything else, a refusal and silence are not', async (t) => {
  const answers = { '/ok': 200, '/moved': 302, '/bad': 500, '/lost': 404 };
  let path = '';
  const port = await serving(t, () => answers[path as keyof typeof answers] ?? null);
  const ask = (to: string, at = port) => {
    path = to;
    return runProbe(
      { ...httpProbe(to, at), timeoutMs: 200 } as Extract<Probe, { kind: 'http' }>,
      target,
      fakeEngine(),
    );
  };
  t.match(await ask('/ok'), { kind: 'ok' });
  t.match(await ask('/moved'), { kind: 'ok' });
  t.match(await ask('/bad'), { kind: 'failed', reason: `GET /bad on port ${port}: answered 500` });
  t.match(await ask('/lost'), { kind: 'failed' });
  t.match(await ask('/silent'), { kind: 'failed', reason: /no answer within 0.2 s/ });
  t.match(await ask('/ok', 1), { kind: 'failed', reason: /connection refused/ });
});

t.test('TCP: a port that accepts', async (t) => {
  const server = createTcpServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const ask = (to: number) => runProbe(tcpProbe(to) as Extract<Probe, { kind: 'tcp' }>, target, fakeEngine());
  t.match(await ask(port), { kind: 'ok' });
  t.match(await ask(1), { kind: 'failed', reason: 'port 1: connection refused' });
});

t.test('until its first good answer it is asked in quick succession, then at its interval', async (t) => {
  const probe = { ...httpProbe('/'), intervalMs: 10_000 };
  t.same(
    [0, 100, 1_000, 20_000, 500_000].map((elapsedMs) => nextDelayMs(probe, false, elapsedMs)),
    [40, 40, 100, 2_000, 10_000],
  );
  t.equal(nextDelayMs(probe, true, 0), 10_000);
});

function probing(t: Test, readiness: Probe, options: { liveness?: Probe; wasReady?: boolean } = {}) {
  const seen: Health[] = [];
  const stop = startProber({
    engine: fakeEngine(),
    containerId: 'c1',
    address: '127.0.0.1',
    startedAtMs: Date.now(),
    spec: { readiness, liveness: options.liveness ?? null },
    wasReady: options.wasReady ?? false,
    onHealth: (health) => seen.push(health),
  });
  t.teardown(stop);
  const until = (what: string, holds: (now: Health) => boolean) =>
    waitFor(what, () => seen.some(holds), { everyMs: 5 });
  return { seen, until };
}

t.test('ready on the first success; unready after the threshold; ready again', async (t) => {
  let status = 500;
  const port = await serving(t, () => status);
  const { seen, until } = probing(t, { ...httpProbe('/', port), intervalMs: 50 });
  await until('a reason', ({ reason }) => reason !== null);
  t.match(seen.at(-1), { phase: 'starting', reason: /answered 500/ });
  status = 200;
  await until('ready', ({ phase }) => phase === 'ready');
  status = 503;
  await until('unready', ({ phase }) => phase === 'unready');
  t.match(seen.at(-1), { phase: 'unready', reason: /answered 503/ });
  status = 200;
  await waitFor('ready again', () => seen.at(-1)?.phase === 'ready');
});

t.test('one failure of a ready container changes nothing', async (t) => {
  const answers = [200, 500, 200, 500, 500, 500];
  let asked = 0;
  const port = await serving(t, () => answers[Math.min(asked++, answers.length - 1)] ?? 500);
  const { seen, until } = probing(t, { ...httpProbe('/', port), intervalMs: 50 });
  await until('unready', ({ phase }) => phase === 'unready');
  t.equal(asked >= 6, true, 'the threshold is three in a row');
  t.same(
    seen.map(({ phase }) => phase),
    ['starting', 'ready', 'unready'],
  );
});

t.test('liveness is asked once it was ready, and condemns after its threshold', async (t) => {
  const port = await serving(t, () => 500);
  const liveness = { ...httpProbe('/alive', port), intervalMs: 50 };
  const { until, seen } = probing(t, staysUp(), { liveness });
  await until('condemned', ({ condemned }) => condemned !== null);
  t.match(seen.at(-1)?.condemned, /^liveness failed: GET \/alive on port \d+: answered 500$/);
});

t.test('staying up is an answer after its time', async (t) => {
  const { seen, until } = probing(t, staysUp(300));
  await until('ready', ({ phase }) => phase === 'ready');
  t.match(seen[1], { phase: 'starting', reason: 'ready when it has stayed up for 0.3 s' });
});

t.test('taken for ready from an earlier agent, until it fails its threshold', async (t) => {
  const port = await serving(t, () => 500);
  const { seen, until } = probing(t, { ...httpProbe('/', port), intervalMs: 50 }, { wasReady: true });
  t.match(seen[0], { phase: 'ready' });
  await until('unready', ({ phase }) => phase === 'unready');
});
