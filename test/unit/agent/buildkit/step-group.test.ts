import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openStepGroup } from '../../../../agent/buildkit/step-group.js';

const limits = { memoryBytes: 64 * 1024 ** 2, cpus: 0.5 };

/** What the kernel makes in a folder of cgroups. */
function files(folder: string, all: Record<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, value] of Object.entries(all)) writeFileSync(join(folder, name), value);
}
const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');

t.test('version 1: memory with swap, and CPU; at the end a group of Docker is as it was', async (t) => {
  const root = t.testdir();
  const [memory, cpu] = [join(root, 'memory/docker/buildkit'), join(root, 'cpu/docker/buildkit')];
  files(memory, { 'memory.limit_in_bytes': '-1', 'memory.max_usage_in_bytes': '5' });
  files(memory, { 'memory.memsw.limit_in_bytes': '-1' });
  files(cpu, { 'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': '-1', 'cpu.shares': '1024' });
  const group = await openStepGroup('docker/buildkit', false, limits, root);
  t.equal(read(memory, 'memory.limit_in_bytes'), '67108864');
  t.equal(read(memory, 'memory.memsw.limit_in_bytes'), '67108864');
  t.equal(read(cpu, 'cpu.cfs_quota_us').slice(0, 5), '50000');
  t.equal(await group.wasUsed(), false);
  writeFileSync(join(memory, 'memory.max_usage_in_bytes'), '4096');
  t.equal(await group.wasUsed(), true);
  await group.end();
  t.equal(read(memory, 'memory.limit_in_bytes').slice(0, 2), '-1');
  t.ok(existsSync(memory));
});

t.test('version 2: the same in its words', async (t) => {
  const root = t.testdir({ 'cgroup.controllers': 'cpu memory' });
  const own = join(root, 'orca-build-b-1');
  files(own, { 'memory.max': 'max', 'cpu.max': 'max 100000', 'cpu.stat': 'usage_usec 0\n' });
  const group = await openStepGroup('orca-build-b-1', true, limits, root);
  t.equal(group.name, '/orca-build-b-1');
  t.equal(read(own, 'memory.max'), '67108864');
  t.match(read(own, 'cpu.max'), /^50000 100000/);
  t.equal(await group.wasUsed(), false);
  writeFileSync(join(own, 'cpu.stat'), 'usage_usec 17\n');
  t.equal(await group.wasUsed(), true);
});

t.test('where the kernel has no such limits, or does not hold them, it is not opened', async (t) => {
  const root = t.testdir({ 'cgroup.controllers': '' });
  await t.rejects(openStepGroup('orca-build-b-1', true, limits, root), /ENOENT/);
});
