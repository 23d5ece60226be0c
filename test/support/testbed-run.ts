/** Programs that the test bed calls: without a shell, to their end, and with their own words when they fail. */
import { spawnSync } from 'node:child_process';

/** What it printed. Throws one line: the command and the last thing it said. */
export function run(program: string, args: string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env });
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT')
    throw new Error(`the test bed needs \`${program}\`, which is not on the path`);
  if (error) throw error;
  if (status === 0) return stdout;
  const said = stderr.trim().split('\n').at(-1) || `it ended with ${status}`;
  throw new Error(`${[program, ...args].join(' ')}: ${said}`);
}

/** The same where failing means that there is nothing to do. */
export function attempt(program: string, args: string[]): void {
  spawnSync(program, args, { stdio: 'ignore' });
}
