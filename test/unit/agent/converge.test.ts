import t, { type Test } from 'tap';
import { type Converger, startConverge } from '../../../agent/converge.js';
import { EngineError } from '../../../agent/engine.js';
import { createLog } from '../../../agent/log.js';
import type { AllocationObserved } from '../../../shared/protocol.js';
import { type FakeEngine, fakeEngine } from '../../support/fake-engine.js';
import { waitFor } from '../../support/wait-for.js';
import { anAllocation, anAssignment, aRequest, staysUp } from './an.js';

interface Bench {
  engine: FakeEngine;
  converger: Converger;
  shown(id?: string): AllocationObserved | undefined;
  until(state: AllocationObserved['state'], id?: string): Promise<AllocationObserved>;
}

function bench(t: Test, engine = fakeEngine(), remembered: AllocationObserved[] = []): Bench {
  engine.images.set('app:1', { id: 'sha256:app1', digest: null });
  const converger = startConverge({
    engine,
    publishAddress: '127.0.0.1',
    remembered,
    ownTags: [],
    onChange: () => undefined,
    log: createLog(() => undefined),
    lookEveryMs: 200,
  });
  t.teardown(() => converger.stop());
  const shown = (id = 'shop.api.1') => converger.observe()?.allocations.find((a) => a.id === id);
  const until = (state: AllocationObserved['state'], id?: string) =>
    waitFor(
      `${id ?? 'it'} to be ${state}`,
      () => {
        const now = shown(id);
        return now?.state === state ? now : null;
      },
      { everyMs: 5 },
    );
  return { engine, converger, shown, until };
}

const two = [anAllocation(), anAllocation({ id: 'shop.web.2', service: 'web' })];

t.test('before an assignment it says how the engine is, and touches nothing', async (t) => {
  const { engine, converger } = bench(t);
  const seen = await waitFor('a first look', () => converger.observe());
  t.match(seen, { revision: 0, engine: { state: 'up', version: 'fake' }, allocations: [] });
  t.notMatch(engine.calls.join(), /create|stop|remove/);
});

t.test('an assignment becomes a ready container with its endpoint', async (t) => {
  const { converger, until } = bench(t);
  const allocation = anAllocation({ container: { port: 8080 } });
  converger.assign(anAssignment({ revision: 7, allocations: [allocation] }));
  const ready = await until('ready');
  t.match(ready, { reason: null, restarts: 0, endpoint: { address: '127.0.0.1', port: Number } });
  t.equal(converger.observe()?.revision, 7);
});

t.test('a slow stop of one allocation holds up no other', async (t) => {
  const { engine, converger, until } = bench(t);
  converger.assign(anAssignment({ allocations: two }));
  const first = await until('ready');
  const second = await until('ready', 'shop.web.2');
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  engine.before = (call) => (call === `stop ${first.containerId}` ? held : undefined);
  const stopped = anAllocation({ desired: 'stopped' });
  converger.assign(anAssignment({ revision: 2, allocations: [stopped, ...two.slice(1)] }));
  await until('stopping');
  engine.die(second.containerId ?? '', 1);
  await waitFor(
    'the other one to be replaced',
    () => engine.calls.filter((c) => c.startsWith('create')).length === 3,
  );
  t.equal(engine.calls.filter((c) => c.startsWith('stop')).length, 1, 'asked to stop only once');
  release();
  await until('gone');
});

t.test(
  'an exit is replaced with a new container, counted, and shown with its last words until then',
  async (t) => {
    const { engine, converger, until, shown } = bench(t);
    converger.assign(anAssignment({ allocations: [anAllocation()] }));
    const { containerId } = await until('ready');
    engine.held.get(containerId ?? '')?.log.push('out of luck');
    engine.die(containerId ?? '', 9);
    const waiting = await waitFor('the wait to be shown', () => {
      const now = shown();
      return now?.state === 'pending' && now.lastLogs.length > 0 ? now : null;
    });
    t.match(waiting, {
      exitCode: 9,
      lastLogs: ['out of luck'],
      reason: /^exited with 9 after .*; next start 1 s after that$/,
    });
    const again = await until('ready');
    t.not(again.containerId, containerId);
    t.match(again, { restarts: 1, lastLogs: [], exitCode: null });
    await waitFor('the dead one to be removed', () => engine.held.size === 1);
  },
);

t.test('an engine that goes away and comes back: shown, kept, and caught up with', async (t) => {
  const { engine, converger, until, shown } = bench(t);
  converger.assign(anAssignment({ allocations: two }));
  await until('ready');
  const gone = await until('ready', 'shop.web.2');
  engine.before = () => {
    throw new EngineError('down', 'connect ENOENT /var/run/docker.sock');
  };
  const down = await waitFor('down to be shown', () => {
    const now = converger.observe();
    return now?.engine.state === 'down' ? now : null;
  });
  t.match(down.engine.reason, /Docker does not answer: connect ENOENT/);
  t.match(shown(), { state: 'ready', reason: /Docker does not answer/ });
  const dead = engine.held.get(gone.containerId ?? '');
  if (dead)
    Object.assign(dead, {
      state: 'exited',
      exitCode: 137,
      startedAtMs: Date.now() - 60_000,
      finishedAtMs: Date.now(),
    });
  engine.before = () => undefined;
  const back = await waitFor('a replacement', () => {
    const now = shown('shop.web.2');
    return now?.state === 'ready' && now.containerId !== gone.containerId ? now : null;
  });
  t.match(back, { restarts: 1, reason: null });
  t.equal(converger.observe()?.engine.reason, null);
});

t.test('what the engine refuses is shown in its words, with advice; others go on', async (t) => {
  const { engine, converger, until } = bench(t);
  engine.before = (call) => {
    if (call === 'create orca-shop.api.1-1') throw new EngineError('refused', 'no space left on device');
  };
  converger.assign(anAssignment({ allocations: two }));
  t.match(await until('failed'), { reason: /^no space left on device; free space/ });
  await until('ready', 'shop.web.2');
  engine.before = () => undefined;
  await until('ready');
});

t.test('a job whose program the image lacks is told to change pre_deploy', async (t) => {
  const { engine, converger, until } = bench(t);
  engine.before = (call) => {
    if (call.startsWith('start'))
      throw new EngineError('refused', 'exec: "./migrate": stat ./migrate: no such file or directory');
  };
  converger.assign(anAssignment({ allocations: [anAllocation({ group: 'job', onExit: 'report' })] }));
  t.match(await until('failed'), { reason: /; change pre_deploy: the image has no such program$/ });
});

t.test('a missing image is pulled; one that can not be had fails with what to do', async (t) => {
  const { engine, converger, until } = bench(t);
  engine.registry.set('new:1', { id: 'sha256:new', digest: 'new@sha256:d' });
  const fetched = anAllocation({ imageId: 'sha256:new', container: { image: 'new:1' } });
  const never = anAllocation({
    id: 'shop.b.2',
    imageId: 'sha256:x',
    container: { image: 'x:1', pull: 'never' },
  });
  const other = anAllocation({ id: 'shop.c.3', imageId: 'sha256:y', container: { image: 'y:1' } });
  converger.assign(anAssignment({ allocations: [fetched, never, other] }));
  await until('ready');
  const refused = await until('failed', 'shop.b.2');
  t.equal(
    refused.reason,
    'image "x:1" is not on this node and pull is "never"; load it there or change pull',
  );
  t.match(await until('failed', 'shop.c.3'), {
    reason: /^image "y:1" could not be pulled .*check the name and tag/,
  });
  engine.images.set('x:1', { id: 'sha256:x', digest: null });
  await until('ready', 'shop.b.2');
});

t.test('an image want is resolved and reported; its failure too', async (t) => {
  const { engine, converger } = bench(t);
  engine.registry.set('app:2', { id: 'sha256:app2', digest: 'app@sha256:d2' });
  const wants = [
    { id: 'r1', ref: 'app:2', pull: 'always' as const, imageId: null },
    { id: 'r2', ref: 'app:1', pull: 'never' as const, imageId: null },
    { id: 'r3', ref: 'nope:1', pull: 'if-not-present' as const, imageId: null },
  ];
  converger.assign(anAssignment({ images: wants }));
  const images = await waitFor('all to be resolved', () => {
    const now = converger.observe()?.images ?? [];
    return now.length === 3 && now.every(({ state }) => state !== 'pulling') ? now : null;
  });
  t.match(images, [
    { id: 'r1', state: 'ready', imageId: 'sha256:app2', digest: 'app@sha256:d2' },
    { id: 'r2', state: 'ready', imageId: 'sha256:app1', digest: null },
    { id: 'r3', state: 'failed', reason: /image "nope:1" could not be pulled/ },
  ]);
  t.notOk(engine.calls.includes('pull app:1'), 'a local image asks no registry');
});

t.test('a failed liveness replaces the container', async (t) => {
  const { engine, converger, until } = bench(t);
  const liveness = {
    kind: 'command' as const,
    command: ['true'],
    intervalMs: 50,
    timeoutMs: 1_000,
    failureThreshold: 2,
    initialDelayMs: 0,
  };
  converger.assign(anAssignment({ allocations: [anAllocation({ container: { liveness } })] }));
  const { containerId } = await until('ready');
  engine.exec = async (id) => ({ exitCode: id === containerId ? 1 : 0, output: 'stuck' });
  const again = await waitFor('its replacement', async () => {
    const now = await until('ready');
    return now.containerId !== containerId ? now : null;
  });
  t.equal(again.restarts, 1);
});

t.test('a restarted agent takes what was ready for ready, and keeps since when', async (t) => {
  const engine = fakeEngine();
  const before = bench(t, engine);
  const allocation = anAllocation({ container: { port: 8080, readiness: staysUp(3_600_000) } });
  before.converger.assign(anAssignment({ allocations: [allocation] }));
  const starting = await before.until('starting');
  await before.converger.stop();
  const container = await waitFor('the container', () =>
    [...engine.held.values()].find((c) => c.state === 'running'),
  );
  const remembered = [{ ...starting, state: 'ready' as const, containerId: container.id, sinceMs: 1_234 }];
  const after = bench(t, engine, remembered);
  after.converger.assign(anAssignment({ allocations: [allocation] }));
  const first = await waitFor('its first word', () => after.shown());
  t.match(first, { state: 'ready', sinceMs: 1_234, containerId: container.id });
});

t.test('with the engine down from the start, what was last reported is what is shown', async (t) => {
  const engine = fakeEngine();
  engine.before = () => {
    throw new EngineError('down', 'not running');
  };
  const endpoint = { address: '127.0.0.1', port: 30_001 };
  const remembered: AllocationObserved[] = [
    {
      id: 'shop.api.1',
      state: 'ready',
      reason: null,
      sinceMs: 5,
      restarts: 0,
      exitCode: null,
      lastLogs: [],
      endpoint,
      containerId: 'c1',
    },
  ];
  const { converger, shown } = bench(t, engine, remembered);
  converger.assign(anAssignment({ allocations: [anAllocation({ container: { port: 8080 } })] }));
  await waitFor('down to be shown', () => converger.observe()?.engine.state === 'down');
  t.match(shown(), { state: 'ready', sinceMs: 5, endpoint, reason: /Docker does not answer: not running/ });
});

t.test('containers of two attempts and strays of a crash are cleared away', async (t) => {
  const { engine, converger, until } = bench(t);
  converger.assign(anAssignment({ allocations: [anAllocation()] }));
  await until('ready');
  await engine.create(aRequest({ attempt: 7 }));
  await waitFor('the stray to be removed', () => engine.held.size === 1);
  converger.assign(anAssignment({ revision: 2 }));
  await waitFor('nothing to be left', () => engine.held.size === 0 && engine.heldNetworks.size === 0);
  t.same([...engine.mostRunning.values()], [1]);
});

t.test(
  "another cluster's container of the same name is left alone, and not counted as a restart",
  async (t) => {
    const { engine, converger, until } = bench(t);
    const foreign = await engine.create(aRequest({ cluster: 'other' }));
    converger.assign(anAssignment({ allocations: [anAllocation()] }));
    t.match(await until('ready'), { restarts: 0 });
    t.match(engine.held.get(foreign), { state: 'created', name: 'orca-shop.api.1-1' });
  },
);
