/** What comes back by itself, on a real Caddy and a real resolver: killed, silent, damaged or refused. */
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { Agent } from 'node:https';
import { createServer } from 'node:net';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { resolverClient } from '../../proxy-config/resolver-client.js';
import { ingressRuns } from '../../proxy-config/sidecar.js';
import { freePort } from '../support/free-port.js';
import {
  anAllocation,
  aRoute,
  ask,
  curl,
  startBackend,
  startEdge,
  startLoad,
  until,
} from './ingress-harness.js';

t.setTimeout(180_000);
const edge = await startEdge();
const backend = await startBackend('one');
t.teardown(async () => {
  await edge.close();
  await backend.close();
});

const one = anAllocation('a.1', backend.endpoint.port);
const loads = () => edge.logs.filter((line) => line.startsWith('Caddy serves')).length;
const answers = () =>
  edge
    .client('')
    .text()
    .then(
      (text) => text === 'one',
      () => false,
    );

/** The pid of what answers on the control socket now, whoever started it. */
const pidOfResolver = () =>
  resolverClient(join(edge.home, 'ingress', 'resolver.sock'))
    .ping()
    .then(
      ({ pid }) => pid,
      () => null,
    );
/** The shell that waits to follow this resolver. */
const standbyOf = (resolver: number): number | undefined =>
  readdirSync('/proc')
    .map(Number)
    .find((pid) => pid > 0 && parentOf(pid) === resolver);
const parentOf = (pid: number): number | null => {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
  } catch {
    return null;
  }
};

edge.apply([aRoute({ allocations: [one] })]);
await until('a first route', () => edge.traffic('a.1')?.state === 'routed');

t.test('after kill -9 Caddy is back by itself with its config', async () => {
  const pid = edge.pidOf('caddy');
  process.kill(pid, 'SIGKILL');
  await until('another process', () => edge.pidOf('caddy') !== pid);
  await until('it answers', answers);
});

t.test('Caddy collects garbage half as often as Go would', async (t) => {
  const environment = readFileSync(`/proc/${edge.pidOf('caddy')}/environ`, 'utf8').split('\0');
  t.equal(
    environment.find((line) => line.startsWith('GOGC=')),
    `GOGC=${process.env.GOGC ?? '200'}`,
  );
});

t.test('without the role Caddy and the resolver end, and with it they are back', async (t) => {
  const pids = [edge.pidOf('caddy'), edge.pidOf('resolver')];
  edge.role.apply(null, 1);
  await until('they end', () => !pids.some((pid) => existsSync(`/proc/${pid}`)));
  t.equal(edge.role.observed(), null);
  t.notOk(ingressRuns(edge.home));
  edge.apply([aRoute({ allocations: [one] })]);
  await until('it answers', answers);
  t.ok(ingressRuns(edge.home));
});

t.test('after kill -9 and a damaged autosave Caddy is back with its config', async (t) => {
  const pid = edge.pidOf('caddy');
  const autosave = join(edge.home, 'ingress', 'caddy', 'caddy', 'autosave.json');
  process.kill(pid, 'SIGKILL');
  truncateSync(autosave, 100);
  await until('it answers', answers);
  t.doesNotThrow(() => JSON.parse(readFileSync(autosave, 'utf8')));
});

t.test('after kill -9 the resolver is back on its ports, and neither a GET nor a POST fails', async (t) => {
  const ports = readFileSync(join(edge.home, 'ingress', 'ports.json'), 'utf8');
  const before = loads();
  for (let round = 0; round < 3; round += 1) {
    const load = startLoad(edge);
    const posts = startLoad(edge, 'POST');
    await until('under load', () => load.count() > 20 && posts.count() > 20);
    const pid = edge.pidOf('resolver');
    process.kill(pid, 'SIGKILL');
    await until('another process', () => edge.pidOf('resolver') !== pid);
    await until('observed', () => edge.role.observed()?.resolver === 'running');
    const follower = (await until('one that answers', pidOfResolver)) as number;
    t.ok(getPriority(follower) < getPriority(edge.pidOf('caddy')), 'it goes before all others');
    const at = load.count();
    await until('more load', () => load.count() > at + 50);
    t.same((await load.stop()).failed, []);
    t.same((await posts.stop()).failed, []);
  }
  t.equal(readFileSync(join(edge.home, 'ingress', 'ports.json'), 'utf8'), ports);
  t.equal(loads(), before, 'and Caddy was not reloaded');
});

t.test(
  'a resolver that dies before its disk took the records gets them again, and their age begins anew',
  async (t) => {
    const other = await startBackend('two');
    t.teardown(() => other.close());
    const pid = edge.pidOf('resolver');
    mkdirSync(join(edge.home, 'ingress', `resolver.json.${pid}.tmp`));
    const two = anAllocation('a.2', other.endpoint.port);
    edge.apply([aRoute({ allocations: [one, two] })]);
    await until('routed from memory', () => edge.traffic('a.2')?.state === 'routed');
    t.match(edge.role.observed()?.reason, /not on disk: EISDIR/, 'and it is said');
    process.kill(pid, 'SIGKILL');
    await until('it is not taken for routed', () => edge.traffic('a.2')?.state === 'pending');
    await until('routed again', () => edge.traffic('a.2')?.state === 'routed');
    t.equal(edge.role.observed()?.reason, null);
    edge.apply([aRoute({ allocations: [one] })]);
    await until('only the first', () => edge.traffic('a.2') === undefined);
  },
);

t.test(
  'killed while no agent looks after it, the resolver is back all the same, and loses no POST',
  async (t) => {
    await edge.role.stop();
    const posts = startLoad(edge, 'POST');
    for (let round = 0; round < 3; round += 1) {
      const at = posts.count();
      await until('under load', () => posts.count() > at + 20);
      const before = await until('one that answers', pidOfResolver);
      process.kill(before, 'SIGKILL');
      await until('another one', async () => ![before, null].includes(await pidOfResolver()));
    }
    t.same((await posts.stop()).failed, []);
    await edge.restartRole();
    edge.apply([aRoute({ allocations: [one] })]);
    await until('it is adopted', async () => edge.pidOf('resolver') === (await pidOfResolver()));
    await until('observed', () => edge.role.observed()?.resolver === 'running');
  },
);

t.test('the standby killed is there again', async (t) => {
  const resolver = edge.pidOf('resolver');
  const standby = await until('a standby', () => standbyOf(resolver));
  process.kill(standby, 'SIGKILL');
  await until('another one', () => ![standby, undefined].includes(standbyOf(resolver)));
  t.equal(await pidOfResolver(), resolver);
});

t.test('a resolver that is stopped and silent is replaced', async () => {
  const pid = edge.pidOf('resolver');
  process.kill(pid, 'SIGSTOP');
  await until('another process', () => edge.pidOf('resolver') !== pid);
  await until('it answers', answers, 20_000);
});

t.test('a config that Caddy refuses is shown, and the old one goes on serving', async (t) => {
  const bad = edge.ingress([aRoute({ allocations: [one], domains: ['shop.test', 'new.test'] })]);
  edge.role.apply(
    { ...bad, certificates: [{ names: ['new.test'], certPem: 'no', keyPem: 'no', stapled: true }] },
    1_000,
  );
  await until('a reason', () => edge.role.observed()?.reason?.includes('Caddy answered 400'));
  t.equal(await edge.client('').text(), 'one');
  t.equal(edge.traffic('a.1')?.state, 'routed');
  edge.apply([aRoute({ allocations: [one] })]);
  await until('no reason', () => edge.role.observed()?.reason === null);
});

t.test('a port that is taken is shown with its reason, and served once it is free', async (t) => {
  const port = await freePort();
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(port, resolve));
  edge.role.apply({ ...edge.ingress([aRoute({ allocations: [one] })]), httpPort: port }, 2_000);
  await until('a reason', () => edge.role.observed()?.reason?.includes('address already in use'));
  t.equal(await edge.client('').text(), 'one', 'the old config goes on serving');
  await new Promise((resolve) => squatter.close(resolve));
  await until('no reason', () => edge.role.observed()?.reason === null);
  t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
});

t.test('no Caddy at all is a reason that says what to do, and the resolver runs all the same', async (t) => {
  const other = await startEdge();
  t.teardown(() => other.close());
  other.role.apply({ ...other.ingress([aRoute({ allocations: [one] })]), caddy: '/nowhere/caddy' }, 1);
  await until('observed', () => other.role.observed()?.reason?.includes('no Caddy at /nowhere/caddy'));
  t.match(other.role.observed(), {
    caddy: 'down',
    resolver: 'running',
    traffic: [{ allocation: 'a.1', state: 'pending', reason: /no Caddy/ }],
  });
  other.apply([aRoute({ allocations: [one] })]);
  await until('routed', () => other.traffic('a.1')?.state === 'routed');
});

t.test('a program that has the port of HTTP takes that alone, and no name its HTTPS', async (t) => {
  const other = await startEdge();
  t.teardown(() => other.close());
  const squatter = createServer((socket) => socket.end('mine'));
  await new Promise<void>((resolve) => squatter.listen(other.httpPort, '0.0.0.0', resolve));
  other.apply([aRoute({ allocations: [one] })]);
  const isServed = () =>
    ask(other, new Agent()).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until('HTTPS', isServed);
  const reason = () => other.role.observed()?.reason ?? '';
  await until('the reason', () => /^port \d+ is taken by another program/.test(reason()));
  t.equal(other.role.observed()?.caddy, 'running');
  const pid = other.pidOf('caddy');
  await new Promise((resolve) => squatter.close(resolve));
  await until('HTTP', async () => (await curl(other, 'http://shop.test/').catch(() => null)) === '');
  await until('no reason', () => reason() === '');
  t.equal(other.pidOf('caddy'), pid, 'the same Caddy all the time');
  t.ok(await isServed());
});
