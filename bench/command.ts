/** Running a program as a user does, to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { testDocker } from '../test/support/docker.js';

/** The Debian packages of the programs that are named otherwise. */
const packages: Record<string, string> = { docker: 'docker.io' };

/** Its standard output; an error with both outputs when it can't be run or ends with anything but 0. */
export async function runCommand(command: string, args: string[]): Promise<string> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DOCKER_HOST: testDocker() },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const failed = once(child, 'error').then(([error]) => {
    throw new Error(`${command} can't be run (apt-get install ${packages[command] ?? command})`, {
      cause: error,
    });
  });
  const [code] = (await Promise.race([once(child, 'close'), failed])) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}
