/** The whole master in one process: real HTTPS, real LMDB, and an agent that does as it is told. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startMaster } from '../../master/main.js';
import type { DeployReply } from '../../shared/api.js';
import { aBody, agentOf, serviceOf, statusOf } from '../support/master-words.js';
import { testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';

t.test('a service is deployed through an agent, updated, and removed', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const agent = await agentOf(m);
  agent.obey();

  const first = await m.api('POST', '/deploy?wait=20s', { services: [aBody({ replicas: 2 })] });
  t.equal(first.status, 200, first.body);
  t.same((first.json as DeployReply).deployed, ['api']);
  const running = await serviceOf(m);
  t.match(running, {
    status: 'running',
    release: 'v1',
    replicas: 2,
    desired_replicas: 2,
    running_replicas: 2,
    image: 'app:1',
    runtime: 'container',
    domain: 'api.example.com',
    url: 'https://api.example.com/',
    node: hostname(),
    rollout: { state: 'succeeded' },
    groups: { stable: { release: 'v1', weight: 100, ready: 2, wanted: 2 }, canary: null },
    last_failure: null,
  });
  t.ok(running?.allocations.every((a) => a.state === 'ready' && a.routed && a.in_flight === 0));
  t.ok(Date.parse(running?.observed_at ?? '') > 0);

  const second = await m.api('POST', '/deploy?wait=20s', {
    services: [aBody({ replicas: 2, image: 'app:2' })],
  });
  t.equal(second.status, 200, second.body);
  t.equal((await serviceOf(m))?.release, 'v2');
  await waitFor('the old ones to be gone', async () => (await serviceOf(m))?.allocations.length === 2);

  const same = await m.api('POST', '/deploy?wait=20s', {
    services: [aBody({ replicas: 2, image: 'app:2' })],
  });
  t.equal(same.status, 200);
  t.equal((await serviceOf(m))?.release, 'v2', 'a deploy of the same changes nothing');

  const history = (await m.api('GET', '/services/api/history')).json;
  t.match(history, {
    releases: [
      { release: 'v2', stable: true },
      { release: 'v1', stable: false },
    ],
  });
  const removed = await m.api('DELETE', '/services/api?purge=true');
  t.match(removed.json, { ok: /being removed/ });
  await waitFor('the service to be gone', async () => (await serviceOf(m)) === undefined);
  t.same(agent.assignment()?.allocations, []);
  await agent.close();
});

t.test(
  'the caller who waits gets 500 with the reason when the rollout fails, and nothing is lost',
  async (t) => {
    const m = await testMaster();
    t.teardown(() => m.stop());
    const agent = await agentOf(m);
    agent.obey();
    await m.api('POST', '/deploy?wait=20s', { services: [aBody()] });
    agent.obey((status) => ({
      ...status,
      allocations: status.allocations.map((a) =>
        a.id.endsWith('.1') || a.state === 'gone'
          ? a
          : {
              ...a,
              state: 'exited',
              exitCode: 3,
              reason: 'exited with 3',
              lastLogs: ['no config'],
              endpoint: null,
            },
      ),
    }));
    const failed = await m.api('POST', '/deploy?wait=20s', { services: [aBody({ image: 'broken:1' })] });
    t.equal(failed.status, 500, failed.body);
    t.match(failed.json, { deployed: [], errors: [{ service: 'api', code: 'ROLLOUT_FAILED' }] });
    const service = await serviceOf(m);
    t.match(service, { release: 'v1', last_failure: { exit_code: 3, last_logs: ['no config'] } });
    t.equal(service?.allocations.find((a) => a.release === 'v1')?.state, 'ready');
    const id = (failed.json as DeployReply).rollouts[0]?.id;
    const followed = await m.api('GET', `/rollouts/${id}?follow=true`);
    t.match(JSON.parse(followed.body.trim().split('\n').at(-1) ?? ''), { rollout: { state: 'failed' } });
    await agent.close();
  },
);

t.test('log lines come from the agent, sorted, and the stream ends with its reader', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const agent = await agentOf(m);
  agent.obey();
  await m.api('POST', '/deploy?wait=20s', { services: [aBody({ replicas: 2 })] });
  const answering = m.api('GET', '/services/api/logs?tail=3');
  const opened = await agent.until('two streams', () => {
    const opens = agent.received.flatMap((x) => (x.type === 'logs-open' ? [x] : []));
    return opens.length === 2 && opens;
  });
  for (const [index, { id }] of opened.entries()) {
    const lines = [1, 2].map((n) => ({
      atMs: n * 10 + index,
      stream: 'stdout' as const,
      text: `${n}-${index}`,
    }));
    agent.send({ type: 'logs-lines', id, lines });
    agent.send({ type: 'logs-end', id, reason: null });
  }
  const texts = (await answering).body
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { text: string }).text);
  t.same(texts, ['1-1', '2-0', '2-1'], 'the last three by time');
  await agent.close();
});

t.test('a second master in the same home, a taken port and a bad file are refused in one line', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const again = { home: m.home, listen: '127.0.0.1:0', noAgent: true, env: {} };
  await t.rejects(startMaster(again), { code: 'ALREADY_RUNNING' });
  const squatter = createServer().listen(0, '127.0.0.1');
  t.teardown(() => squatter.close());
  await waitFor('the squatter', () => squatter.listening);
  const { port } = squatter.address() as { port: number };
  await t.rejects(testMaster({ listen: `127.0.0.1:${port}` }), { code: 'PORT_TAKEN', message: /--listen/ });
  await t.rejects(testMaster({ httpListen: '0.0.0.0:7000' }), { code: 'USAGE', message: /loopback/ });
  await t.rejects(testMaster({ toml: '[cluster]\nnmae = "x"\n' }), {
    code: 'CONFIG_INVALID',
    message: /nmae/,
  });
});

t.test('a master on a full disk says so, and starts when there is room', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'orca-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=700', 'tmpfs', home]);
  t.teardown(() => {
    execFileSync('umount', [home]);
    rmSync(home, { recursive: true });
  });
  const options = { home, listen: '127.0.0.1:0', noAgent: true, env: {} };
  for (const size of ['4k', '24k', '96k']) {
    execFileSync('mount', ['-o', `remount,size=${size}`, home]);
    await t.rejects(startMaster(options), { code: 'STORE_FULL', hint: /Free space/ }, size);
  }
  execFileSync('mount', ['-o', 'remount,size=16m', home]);
  const master = await startMaster(options);
  await master.stop();
});

t.test('reload takes up what changed; a bad file is refused and what runs stays', async (t) => {
  const m = await testMaster({ toml: '[cluster]\nname = "one"\n' });
  t.teardown(() => m.stop());
  const file = join(m.home, 'cluster.toml');
  writeFileSync(
    file,
    '[cluster]\nname = "two"\n[[token]]\nname = "eyes"\nvalue = "look-only"\nrole = "viewer"\n',
  );
  t.match(await m.api('POST', '/reload'), {
    status: 200,
    json: { ok: /the token "eyes" of cluster.toml can be guessed/ },
  });
  t.match((await m.api('GET', '/tokens')).json, {
    tokens: [
      { name: 'admin', weak: false },
      { name: 'eyes', weak: true },
    ],
  });
  t.equal((await statusOf(m)).cluster_name, 'two');
  const viewer = { authorization: 'Bearer look-only' };
  t.equal((await m.api('GET', '/status', undefined, viewer)).status, 200);
  t.match(await m.api('POST', '/reload', undefined, viewer), { status: 403, json: { code: 'NOT_ALLOWED' } });
  writeFileSync(file, '[cluster]\nname = 3\n');
  t.match(await m.api('POST', '/reload'), {
    status: 400,
    json: { code: 'CONFIG_INVALID', error: /cluster.toml:2/ },
  });
  t.equal((await statusOf(m)).cluster_name, 'two');
});

t.test('the home is closed to others, and the plain listener serves the same API', async (t) => {
  const m = await testMaster({ httpListen: '127.0.0.1:0' });
  t.teardown(() => m.stop());
  const modeOf = (path: string): number => statSync(join(m.home, path)).mode & 0o777;
  t.equal(modeOf('.'), 0o700);
  for (const secret of ['ca.key', 'master.key', 'cluster.token', 'agent/agent.json', 'agent/node.key'])
    t.equal(modeOf(secret), 0o600, secret);
  t.equal(readFileSync(join(m.home, 'cluster.url'), 'utf8').trim(), m.master.url);
});
