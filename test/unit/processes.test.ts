/** How tests see the processes of a home (`test/support/processes.ts`). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { killHard, processesOf } from '../support/processes.js';

t.test('a fork that is not its program yet is no second process of its parent', async (t) => {
  const home = t.testdir();
  // A subshell is a fork that stays one; what it prints says that it runs.
  const script = '(echo "$$"; read -r line; :); :';
  const shell = spawn('/bin/sh', ['-c', script, 'orca-test', home], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => killHard(shell.pid ?? 0));
  await once(shell.stdout, 'data');
  t.same(
    processesOf(home).map(({ pid }) => pid),
    [shell.pid],
  );
  const other = spawn('/bin/sh', ['-c', script, 'orca-test', home], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => killHard(other.pid ?? 0));
  await once(other.stdout, 'data');
  t.same(
    processesOf(home).map(({ pid }) => pid),
    [shell.pid, other.pid],
    'two that were started apart are two',
  );
});
