import t from 'tap';
import { beginDeploy, beginRollback, beginScale, beginStop } from '../../../../master/plan/begin.js';
import { explain } from '../../../../master/plan/explain.js';
import {
  aContext,
  aCurrent,
  aNode,
  anAllocation,
  aPlanned,
  aRelease,
  aRollout,
  aService,
  aSpec,
  aView,
} from './things.js';

const spec = aSpec({ container: { env: { MODE: 'a', KEY: 'secret' } } });
const planned = aPlanned({ stable: 1, nextRelease: 2, nextAllocation: 4 });
const running = aCurrent({
  service: aService(spec, { planned }),
  releases: [aRelease(1, spec)],
  allocations: [anAllocation(1, { desired: 'routed' })],
});

t.test('a service that is not there is created', async (t) => {
  const begun = beginDeploy(null, spec, aContext());
  t.match(begun, {
    action: 'create',
    service: { key: 'shop/api', replicas: 3, planned: { stable: null, nextRelease: 1 } },
    rollout: { id: 'r1', kind: 'deploy', state: 'preparing', by: 'ops', startedAtMs: 1_000_000 },
  });
  t.ok(begun.changes.includes('image: none → good:1'));
});

t.test('changes name their keys; env values are never shown', async (t) => {
  const next = aSpec({
    replicas: 5,
    domains: ['b.example.com'],
    container: { image: 'good:2', env: { KEY: 'other', NEW: 'x' } },
    deploy: { drainTimeoutMs: 5_000 },
  });
  t.same(beginDeploy(running, next, aContext()).changes, [
    'image: good:1 → good:2',
    'replicas: 3 → 5',
    'domains: api.example.com → b.example.com',
    'deploy.drain_timeout_secs: 30 → 5',
    'env.KEY: changed',
    'env.MODE: removed',
    'env.NEW: added',
  ]);
});

t.test('only the container part makes a roll', async (t) => {
  const { container: _, ...rest } = spec;
  t.match(
    beginDeploy(running, aSpec({ ...rest, container: { ...spec.container, image: 'good:2' } }), aContext()),
    {
      action: 'roll',
      rollout: { kind: 'deploy', from: 1 },
    },
  );
  t.match(beginDeploy(running, { ...spec, replicas: 4 }, aContext()), {
    action: 'update',
    service: { replicas: 3 },
    rollout: { spec: { replicas: 4 } },
  });
  t.match(beginDeploy(running, spec, aContext()), { action: 'none', changes: [] });
});

t.test('a reference by digest that did not change needs no look', async (t) => {
  const pinned = aSpec({ container: { image: `good@sha256:${'a'.repeat(64)}` } });
  const current = aCurrent({ service: aService(pinned, { planned }), releases: [aRelease(1, pinned)] });
  t.match(beginDeploy(current, pinned, aContext()), { action: 'none', rollout: null });
});

t.test('the same deploy again while it is under way goes on with the first', async (t) => {
  const next = aSpec({ container: { image: 'good:2' } });
  const open = {
    ...running,
    service: aService(next, { planned }),
    rollout: aRollout({ id: 'r0', spec: next }),
  };
  t.match(beginDeploy(open, next, aContext()), {
    action: 'none',
    following: 'r0',
    rollout: null,
    superseded: null,
  });
  t.match(beginDeploy(open, { ...next, replicas: 4 }, aContext()), {
    action: 'update',
    following: 'r0',
    service: { replicas: 3 },
    rollout: { id: 'r0', spec: { replicas: 4 } },
  });
  const other = beginDeploy(open, aSpec({ container: { image: 'good:3' } }), aContext());
  t.match(other, { action: 'roll', superseded: { id: 'r0', state: 'superseded', endedAtMs: 1_000_000 } });
});

t.test('a deploy while a rollback of it is under way starts anew', async (t) => {
  const next = aSpec({ container: { image: 'good:2' } });
  const rollout = aRollout({ id: 'r0', spec: next, state: 'rolling_back', release: 2, from: 1 });
  t.match(beginDeploy({ ...running, rollout }, next, aContext()), {
    action: 'roll',
    superseded: { id: 'r0' },
  });
});

t.test('a failed release deployed again is tried again', async (t) => {
  const failed = aSpec({ container: { image: 'bad:2' } });
  const current = { ...running, service: aService(failed, { planned }) };
  t.match(beginDeploy(current, failed, aContext()), { action: 'roll' });
});

t.test('a stopped service that is deployed stays stopped until its rollout has succeeded', async (t) => {
  const stopped = { ...running, service: { ...running.service, desired: 'stopped' as const } };
  t.match(beginDeploy(stopped, spec, aContext()), {
    action: 'update',
    changes: ['desired: stopped → running'],
    service: { desired: 'stopped' },
    rollout: { state: 'preparing' },
  });
});

t.test('the plan of a stopped service says that it is started, and what a failure comes to', async (t) => {
  const stopped = { ...running, service: { ...running.service, desired: 'stopped' as const } };
  const steps = explain(beginDeploy(stopped, spec, aContext()), stopped, [aView(aNode('n1'))]);
  t.match(steps, [/^starts 3 allocations of /, 'the service stays stopped should that fail']);
});

t.test('what is being removed refuses everything else', async (t) => {
  const removed = { ...running, service: { ...running.service, desired: 'removed' as const } };
  t.throws(() => beginDeploy(removed, spec, aContext()), { code: 'CONFLICT' });
  t.throws(() => beginScale(removed, 2, 0), { code: 'CONFLICT' });
});

t.test('a rollback skips releases that never succeeded, and keeps domains and replicas', async (t) => {
  const v3 = aSpec({ container: { image: 'good:3' } });
  const current = aCurrent({
    service: aService(
      { ...v3, domains: ['new.example.com'] },
      { replicas: 7, planned: aPlanned({ stable: 3 }) },
    ),
    releases: [aRelease(1, spec), aRelease(2), aRelease(3, v3)],
    history: [1, 2, 3].map((release) =>
      aRollout({ id: `h${release}`, release, state: release === 2 ? 'failed' : 'succeeded' }),
    ),
  });
  t.match(beginRollback(current, null, aContext()), {
    changes: ['release: v3 → v1 (good:1)'],
    rollout: {
      kind: 'rollback',
      release: 1,
      spec: { domains: ['new.example.com'], replicas: 7, container: spec.container },
    },
  });
  t.match(beginRollback(current, 2, aContext()).rollout, { release: 2 });
});

t.test('a stop ends the rollout under way', async (t) => {
  const { service, rollout } = beginStop({ ...running, rollout: aRollout() }, 5);
  t.match(service, { desired: 'stopped' });
  t.match(rollout, { state: 'superseded', reason: 'superseded: the service was stopped', endedAtMs: 5 });
});

t.test('the plan says in which order, and why', async (t) => {
  const lines = (change: Parameters<typeof aSpec>[0], current = running) => {
    const next = aSpec({ ...change, container: { image: 'good:2', ...change?.container } });
    return explain(beginDeploy(current, next, aContext()), current, [aView()]);
  };
  t.match(lines({})[0], /^start-first, 1 at a time: .* never fewer than 3 serve$/);
  t.match(
    lines({ deploy: { maxSurge: 0 } })[0],
    /^stop-first, 1 at a time, because max_surge is 0: at least 2 of 3/,
  );
  const volumes = [{ name: 'data', path: '/data' }];
  t.match(lines({ container: { volumes } })[0], /because volume data has a single writer/);
  const extraPorts = [{ host: 2222, container: 22, protocol: 'tcp' as const }];
  const held = { ...running, releases: [aRelease(1, aSpec({ container: { extraPorts } }))] };
  t.match(lines({ container: { extraPorts } }, held)[0], /because host port 2222 is in use by the old/);
  t.match(explain(beginDeploy(null, spec, aContext()), null, [aView(aNode('n1', { cordoned: true }))]), [
    'starts 3 allocations of good:1',
    'waits, because no node can take it now: 1 node: 1 cordoned',
  ]);
  t.match(
    explain(beginDeploy(running, spec, aContext()), running, [aView()])[0],
    /^looks whether good:1 is still/,
  );
});
