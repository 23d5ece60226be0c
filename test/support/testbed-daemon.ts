/** A host's own Docker daemon. `ORCA_TEST_DOCKERD` names another binary; the programs beside it come first on its path. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { dockerCall } from './docker.js';
import { killHard } from './processes.js';
import type { HostNames } from './testbed-names.js';
import { entering } from './testbed-network.js';
import { waitFor } from './wait-for.js';

/** Starts it unless it answers; answers once it does. Throws with the last line that it wrote. */
export async function startDaemon(host: HostNames): Promise<void> {
  if (await answers(host)) return;
  const { folder, number, socket } = host;
  const log = `${folder}/dockerd.log`;
  const dockerd = process.env.ORCA_TEST_DOCKERD ?? 'dockerd';
  const path = dockerd.includes('/') ? `${dirname(dockerd)}:${process.env.PATH}` : process.env.PATH;
  const places = ['--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '-p', pidFile(host)];
  const [command = '', ...args] = entering(host, [
    dockerd,
    ...places,
    ...['-H', `unix://${socket}`, '--bip', `172.${20 + number}.0.1/16`],
  ]);
  const output = openSync(log, 'a');
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, PATH: path },
  });
  closeSync(output);
  child.unref();
  child.on('error', () => undefined);
  const ended = (): boolean => child.pid === undefined || child.exitCode !== null;
  await waitFor('it to answer', async () => ended() || (await answers(host))).catch(() => undefined);
  if (await answers(host)) return;
  const said = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').at(-1) : '';
  throw new Error(`${dockerd} does not answer on ${host.name}: ${said}`);
}

/**
 * SIGKILL for dockerd and the containerd that it started; their containers go on. A pid that is left would be waited for by the
 * next daemon, also when it is a zombie's.
 */
export async function killDaemon(host: HostNames): Promise<void> {
  for (const file of [pidFile(host), `${host.folder}/exec/containerd/containerd.pid`]) {
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    if (pid > 1) await killHard(pid);
    rmSync(file, { force: true });
  }
}

export async function answers({ socket }: HostNames): Promise<boolean> {
  const url = `unix://${socket}`;
  return dockerCall('GET', '/_ping', undefined, url).then(
    ({ status }) => status === 200,
    () => false,
  );
}

const pidFile = ({ folder }: HostNames): string => `${folder}/docker.pid`;
