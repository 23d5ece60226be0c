import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { takeLock } from '../../../shared/lock.js';
import { waitFor } from '../../support/wait-for.js';

const folder = mkdtempSync(join(tmpdir(), 'orca-lock-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('one holder at a time; released, it is free again', async (t) => {
  const path = join(folder, 'a.sock');
  const lock = await takeLock(path, 'taken');
  await t.rejects(takeLock(path, 'a master already runs'), {
    code: 'ALREADY_RUNNING',
    message: 'a master already runs',
  });
  await lock.release();
  await (await takeLock(path, 'taken')).release();
});

t.test('what a killed holder left is taken over', async (t) => {
  const path = join(folder, 'b.sock');
  const script = `import { takeLock } from ${JSON.stringify(new URL('../../../shared/lock.js', import.meta.url).href)};
    await takeLock(${JSON.stringify(path)}, 'x'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script]);
  await waitFor('the holder', () => existsSync(path));
  await waitFor('the lock to be held', () =>
    takeLock(path, 'held').then(
      (lock) => lock.release().then(() => false),
      () => true,
    ),
  );
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await t.resolves(takeLock(path, 'held').then((lock) => lock.release()));
});

t.test('a path that is too long is said so', async (t) => {
  await t.rejects(takeLock(join(folder, 'x'.repeat(120)), 'held'), { code: 'USAGE', hint: /shorter/ });
});
