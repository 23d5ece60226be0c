/** Words of `orca deploy` around what went wrong: said once, and leading on. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';
import { aFrame, aRollout, aStatus, ended } from './frames.js';

async function shop(t: Test) {
  const api = await startFakeApi();
  t.teardown(() => api.stop());
  const text = '[[service]]\nname = "api"\nimage = "nginx:1"\n';
  const cwd = t.testdir({ services: { shop: { 'service.toml': text } } });
  api.on('POST /plan', { body: { services: [] } });
  api.on('POST /deploy', {
    body: { deployed: ['api'], errors: [], rollouts: [{ service: 'api', id: 'r1', change: 'rolling' }] },
  });
  return { api, cwd, home: api.home };
}

t.test('a long reason is said once in the verdict, and what came of it beside it', async (t) => {
  const { api, cwd, home } = await shop(t);
  const reason = 'app:1 is not on this node; node-1 has it and can not be reached, for many reasons';
  const failure = {
    ...{ reason, message: `shop.api.2 on node-2: ${reason}. Mend that, and deploy again.` },
    ...{ exit_code: null, restart_count: 0, last_logs: [], observed_at: '2026-01-31T12:00:06.000Z' },
  };
  const rollout = { ...ended, state: 'failed', reason: `${reason}; v1 goes on serving`, failure } as const;
  api.on('GET /rollouts/r1', { lines: [aFrame(rollout, { release: 'v1' })] });
  const { out } = await orca(['deploy'], { home, cwd });
  t.equal(out.split(reason).length - 1, 1, out);
  t.match(out, /deploy again\.\n {2}v1 goes on serving\n/);
  const service = aFrame(rollout, { release: 'v1', last_failure: failure }).service;
  api.on('GET /status', {
    body: aStatus({ services: [{ ...service, rollout: aRollout(rollout) } as never] }),
  });
  const status = (await orca(['status', 'api'], { home })).out;
  t.equal(status.split(reason).length - 1, 1, status);
  t.match(status, /rollout +r1 failed: v1 goes on serving\n/);
});

t.test('a path that stands where services are named is told how it is given', async (t) => {
  const { cwd, home } = await shop(t);
  const hint =
    /hint: Arguments are names of services; a file or a folder goes with -f: `-f services\/shop`\.\n/;
  for (const verb of ['deploy', 'diff']) {
    const { exit, err } = await orca([verb, 'services/shop'], { home, cwd });
    t.equal(exit, 2);
    t.match(err, hint);
  }
  const elsewhere = await orca(['deploy', join(cwd, 'services')], { home, cwd: home });
  t.equal(elsewhere.exit, 2, 'also where no services are found at all');
  t.match(elsewhere.err, `goes with -f: \`-f ${join(cwd, 'services')}\``);
});
