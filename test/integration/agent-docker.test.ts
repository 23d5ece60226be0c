/** An agent on real Docker, told what to do by a master of the test's own. */
import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { dockerEngine } from '../../agent/docker.js';
import type { AllocationAssignment, Assignment } from '../../shared/protocol.js';
import { removeLeftovers } from '../support/clean-up.js';
import { containersWith, dockerCall, dockerJson, testDocker } from '../support/docker.js';
import { busyboxImage } from '../support/images.js';
import { waitFor } from '../support/wait-for.js';
import { anAllocation, anAssignment, httpProbe, staysUp, tcpProbe } from '../unit/agent/an.js';
import { agentUnderTest, masterEnd, wayToDocker } from './agent-harness.js';

t.setTimeout(180_000);

const ref = 'orca-test/agent:1';
const SERVE = ['/bin/sh', '-c', 'echo serving; echo fine > /tmp/ok; exec /bin/httpd -f -p 8080 -h /tmp'];

async function onDocker(t: Test) {
  const cluster = `agent-${randomBytes(4).toString('hex')}`;
  const imageId = await busyboxImage({ tag: ref, cmd: SERVE });
  t.teardown(() => removeLeftovers(cluster));
  const way = await wayToDocker(t, testDocker());
  const master = await masterEnd(t);
  const engine = dockerEngine(way.socket);
  const under = await agentUnderTest(t, { master, engine });
  await master.until('a session', (status) => status.engine.state === 'up');
  let revision = 0;
  const assign = (allocations: AllocationAssignment[], more: Partial<Assignment> = {}): void => {
    revision += 1;
    master.send(anAssignment({ cluster, revision, allocations, ...more }));
  };
  const an = (n: number, overrides: Parameters<typeof anAllocation>[0] = {}): AllocationAssignment => {
    const container = { image: ref, port: 8080, readiness: httpProbe('/ok'), ...overrides.container };
    return anAllocation({ id: `${cluster}.api.${n}`, imageId, ...overrides, container });
  };
  const seen = (n = 1) => master.allocation(`${cluster}.api.${n}`);
  const until = (state: string, n = 1) =>
    waitFor(`${n} to be ${state}`, () => {
      const now = seen(n);
      return now?.state === state ? now : null;
    });
  return { cluster, imageId, way, master, engine, under, assign, an, seen, until };
}

t.test('started, ready, reached at its endpoint; stopped and gone with its network', async (t) => {
  const { assign, an, until, master, cluster, under } = await onDocker(t);
  assign([an(1), an(2)]);
  const [one, two] = [await until('ready'), await until('ready', 2)];
  for (const { endpoint } of [one, two]) {
    const answer = await fetch(`http://${endpoint?.address}:${endpoint?.port}/ok`);
    t.equal(await answer.text(), 'fine\n');
  }
  assign([an(1, { desired: 'stopped' }), an(2)]);
  await until('gone');
  t.equal(master.allocation(`${cluster}.api.2`)?.containerId, two.containerId, 'the other one stays');
  assign([]);
  await waitFor(
    'nothing to be left',
    async () => (await containersWith({ 'orca.cluster': cluster })).length === 0,
  );
  const networks = async () =>
    (await dockerJson<{ Name: string }[]>('GET', '/networks')).filter(({ Name }) =>
      Name.includes(cluster.slice(0, 9)),
    );
  await waitFor('the network to be gone', async () => (await networks()).length === 0);
  t.equal(under.ingress.applied.length, 0, 'no ingress was asked for');
});

t.test('a killed container is replaced by a new one; a crash loop backs off and says so', async (t) => {
  const { assign, an, until, seen } = await onDocker(t);
  const crashing = ['/bin/sh', '-c', 'echo about to fail; exit 7'];
  const readiness = staysUp(60_000);
  assign([an(1), an(2, { container: { command: crashing, readiness } })]);
  const { containerId } = await until('ready');
  const waiting = await waitFor('the second wait', () => {
    const now = seen(2);
    return now?.restarts === 1 && now.lastLogs.length > 0 && now.state === 'pending' ? now : null;
  });
  t.match(waiting, {
    exitCode: 7,
    lastLogs: ['about to fail'],
    reason: /^exited with 7 after .*; next start 2 s after that$/,
  });
  await dockerCall('POST', `/containers/${containerId}/kill`);
  const again = await waitFor('its replacement', () => {
    const now = seen(1);
    return now?.state === 'ready' && now.containerId !== containerId ? now : null;
  });
  t.equal(again.restarts, 1);
  t.equal((await dockerCall('GET', `/containers/${again.containerId}/json`)).status, 200);
  await waitFor('the dead one to be removed', async () => {
    return (await dockerCall('GET', `/containers/${containerId}/json`)).status === 404;
  });
});

t.test(
  'while a rollout judges it, an exit is reported with code and last words, and not replaced',
  async (t) => {
    const { assign, an, until, cluster } = await onDocker(t);
    const command = ['/bin/sh', '-c', 'for i in $(seq 1 30); do echo line $i; done; exit 3'];
    assign([an(1, { onExit: 'report', container: { command, readiness: staysUp(60_000) } })]);
    await until('exited');
    const exited = await waitFor('its last words', async () => {
      const now = await until('exited');
      return now.lastLogs.length > 0 ? now : null;
    });
    t.match(exited, { exitCode: 3, restarts: 0, reason: /^exited with 3 after/ });
    t.same([exited.lastLogs.length, exited.lastLogs[0], exited.lastLogs.at(-1)], [20, 'line 11', 'line 30']);
    t.equal((await containersWith({ 'orca.cluster': cluster })).length, 1);
  },
);

t.test('what Docker refuses is failed in its words, with what to do; the rest goes on', async (t) => {
  const { assign, an, until } = await onDocker(t);
  const mounts = [{ source: '/nowhere/at/all', target: '/x', readOnly: true }];
  const never = { image: 'orca-test/none:1', pull: 'never' as const };
  assign([
    an(1),
    an(2, { container: { mounts } }),
    an(3, { imageId: `sha256:${'0'.repeat(64)}`, container: never }),
  ]);
  t.match(
    (await until('failed', 2)).reason,
    /\/nowhere\/at\/all.*; make that folder on this node, or change mounts/,
  );
  t.match(
    (await until('failed', 3)).reason,
    /^image "orca-test\/none:1" is not on this node and pull is "never"/,
  );
  await until('ready');
});

t.test('an image is resolved without a registry when it is here; else Docker says why not', async (t) => {
  const { assign, master, imageId } = await onDocker(t);
  const images = [
    { id: 'r1', ref, pull: 'if-not-present' as const, imageId: null },
    { id: 'r2', ref: 'localhost:1/orca-test/none:1', pull: 'always' as const, imageId: null },
  ];
  assign([], { images });
  const { images: found } = await master.until(
    'both to be answered',
    (status) => status.images.length === 2 && status.images.every(({ state }) => state !== 'pulling'),
  );
  t.match(found[0], { id: 'r1', state: 'ready', imageId });
  t.match(found[1], {
    id: 'r2',
    state: 'failed',
    reason: /^image "localhost:1\/orca-test\/none:1" could not be pulled/,
  });
});

t.test('command probes: readiness lost is shown, liveness lost replaces the container', async (t) => {
  const { assign, an, until, seen } = await onDocker(t);
  const timing = { intervalMs: 300, timeoutMs: 5_000, failureThreshold: 1, initialDelayMs: 0 };
  const probe = { kind: 'command' as const, command: ['/bin/cat', '/tmp/ok'], ...timing };
  assign([
    an(1, { container: { readiness: probe } }),
    an(2, { container: { readiness: tcpProbe(8080), liveness: probe } }),
  ]);
  const [one, two] = [await until('ready'), await until('ready', 2)];
  for (const { containerId } of [one, two]) {
    const exec = { Cmd: ['/bin/busybox', 'rm', '/tmp/ok'], AttachStdout: true };
    const { Id } = await dockerJson<{ Id: string }>('POST', `/containers/${containerId}/exec`, exec);
    await dockerCall('POST', `/exec/${Id}/start`, { Detach: false });
  }
  t.match((await until('unready')).reason, /^command \/bin\/cat \/tmp\/ok: exit code 1 \(.*No such file/);
  const again = await waitFor('its replacement', () => {
    const now = seen(2);
    return now?.state === 'ready' && now.containerId !== two.containerId ? now : null;
  });
  t.equal(again.restarts, 1);
});

t.test('Docker cut off and back: shown, nothing is lost, and what died meanwhile is replaced', async (t) => {
  const { assign, an, until, way, master, seen } = await onDocker(t);
  assign([an(1), an(2)]);
  const [one, two] = [await until('ready'), await until('ready', 2)];
  await way.cut();
  await master.until('down', ({ engine }) => engine.state === 'down');
  t.match(master.status()?.engine.reason, /^Docker does not answer: /);
  t.match(seen(), { state: 'ready', endpoint: one.endpoint, reason: /Docker does not answer/ });
  await dockerCall('POST', `/containers/${two.containerId}/kill`);
  await way.mend();
  await waitFor('the dead one to be replaced', () => {
    const now = seen(2);
    return now?.state === 'ready' && now.containerId !== two.containerId;
  });
  t.match(seen(), { state: 'ready', containerId: one.containerId, reason: null });
});

t.test('a restarted agent adopts what runs, and never says otherwise', async (t) => {
  const { assign, an, until, master, under, engine } = await onDocker(t);
  assign([an(1)]);
  const before = await until('ready');
  await under.agent.stop();
  const heardBefore = master.heard.length;
  const lost = await agentUnderTest(t, { master, engine, home: under.home });
  await waitFor('its first status', () => master.heard.slice(heardBefore).some((m) => m.type === 'status'));
  await waitFor('a look', () => lost.agent.status()?.engine.state === 'up');
  const statuses = master.heard.slice(heardBefore).flatMap((m) => (m.type === 'status' ? m.allocations : []));
  t.ok(statuses.length > 0);
  for (const status of statuses) {
    t.match(status, { state: 'ready', containerId: before.containerId, sinceMs: before.sinceMs });
  }
});
