import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { takeLock } from '../../../agent/lock.js';
import { openMemory } from '../../../agent/memory.js';
import { agentPaths, readSettings } from '../../../agent/settings.js';
import { waitFor } from '../../support/wait-for.js';
import { anAllocation, anAssignment } from './an.js';

t.test('the newest assignment is remembered, readable by its owner only', async (t) => {
  const folder = join(t.testdir(), 'agent');
  const memory = openMemory(folder, (problem) => t.equal(problem, null));
  t.equal(await memory.assignment(), null);
  for (let revision = 1; revision <= 50; revision += 1) {
    memory.keepAssignment(anAssignment({ revision, allocations: [anAllocation()] }));
  }
  await memory.settled();
  t.equal((await openMemory(folder, () => undefined).assignment())?.revision, 50);
  t.equal((await stat(join(folder, 'assignment.json'))).mode & 0o777, 0o600);
  t.same(await readdir(folder), ['assignment.json'], 'no draft is left');
});

t.test('credentials for registries are in no file', async (t) => {
  const folder = join(t.testdir(), 'agent');
  const memory = openMemory(folder, (problem) => t.equal(problem, null));
  const registries = { 'r.test': { username: 'me', password: 'open sesame', reason: null } };
  memory.keepAssignment(anAssignment({ revision: 1, registries }));
  await memory.settled();
  t.notMatch(await readFile(join(folder, 'assignment.json'), 'utf8'), /sesame|registries/);
});

t.test('what can not be read is nothing remembered', async (t) => {
  const folder = t.testdir({
    'assignment.json': '{"type":"assignm',
    'observed.json': '[{"id":1}]',
    'tags.json': '3',
  });
  const memory = openMemory(folder, () => undefined);
  t.equal(await memory.assignment(), null);
  t.same(await memory.observed(), []);
  t.same(await memory.tags(), []);
});

t.test(
  'a disk that refuses is said once, the file before stays, and the newest is written when it can be',
  async (t) => {
    const folder = t.testdir();
    const said: (string | null)[] = [];
    const memory = openMemory(folder, (problem) => said.push(problem), 20);
    let heard = 0;
    memory.watch(() => heard++);
    memory.keepAssignment(anAssignment({ revision: 1 }));
    await memory.settled();
    const draft = join(folder, 'assignment.json.new');
    await mkdir(draft);
    for (const revision of [2, 3]) {
      memory.keepAssignment(anAssignment({ revision }));
      await memory.settled();
    }
    t.equal((await memory.assignment())?.revision, 1, 'the last whole one');
    t.match(memory.problem(), /EISDIR/);
    t.match(said, [/EISDIR/], 'once');
    await rm(draft, { recursive: true });
    await waitFor('the newest on disk', async () => (await memory.assignment())?.revision === 3);
    await waitFor('it to be said', () => memory.problem() === null);
    t.match(said, [/EISDIR/, null]);
    t.equal(heard, 2);
  },
);

t.test('one agent a home; a socket that a dead one left is taken over', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'orca-lock-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'agent.sock');
  const free = await takeLock(path);
  await t.rejects(takeLock(path), { code: 'ALREADY_RUNNING' });
  await free();
  await writeFile(path, '');
  const again = await takeLock(path);
  await again();
  await t.rejects(takeLock(join(folder, 'x'.repeat(100))), { code: 'CONFIG_INVALID' });
});

t.test('agent.json is read with its defaults, or refused with its path', async (t) => {
  const paths = agentPaths(t.testdir());
  await mkdir(paths.folder);
  await t.rejects(readSettings(paths), { code: 'CONFIG_NOT_FOUND' });
  await writeFile(join(paths.folder, 'agent.json'), '{"nodeId":"n1"}');
  await t.rejects(readSettings(paths), { code: 'CONFIG_INVALID', message: /agent\.json/ });
  await writeFile(
    join(paths.folder, 'agent.json'),
    '{"nodeId":"n1","name":"one","masterUrl":"wss://m/agent"}',
  );
  t.match(await readSettings(paths), { docker: 'unix:///var/run/docker.sock', advertise: null });
  t.match(await readFile(join(paths.folder, 'agent.json'), 'utf8'), /n1/);
});
