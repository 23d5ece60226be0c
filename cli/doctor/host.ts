/** Doctor's questions about the host: Node, Docker, Caddy, ports and the disk. */
import { accessSync, constants, statfsSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { readIfThere } from '../home.js';
import type { Io } from '../io.js';
import type { Check } from './check.js';

const MIN_FREE_BYTES = 1024 ** 3;
const WAIT_MS = 3_000;

/** With `masterRuns`, its ports are taken by itself and not asked about. */
export async function checkHost(home: string, env: Io['env'], masterRuns: boolean): Promise<Check[]> {
  const ports = masterRuns ? [] : await Promise.all([80, 443, 6880].map(checkPort));
  return [
    checkNode(),
    await checkDocker(dockerSocket(home, env)),
    checkCaddy(env),
    ...ports,
    checkDisk(home),
  ];
}

export function checkNode(): Check {
  const ok = Number(process.versions.node.split('.')[0]) >= 20;
  return {
    name: 'node',
    ok,
    found: `Node.js ${process.version}`,
    todo: ok ? '' : 'install Node.js 20 or newer',
  };
}

/** As the local agent was told, else as Docker's own tools look for it. */
export function dockerSocket(home: string, env: Io['env']): string {
  const agent = readIfThere(join(home, 'agent', 'agent.json'));
  const told = agent === null ? undefined : (JSON.parse(agent) as { docker?: string }).docker;
  const address = told ?? env.ORCA_DOCKER ?? env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  return address.replace(/^unix:\/\//, '');
}

export async function checkDocker(socketPath: string): Promise<Check> {
  const name = 'docker';
  try {
    const { Version, ApiVersion } = JSON.parse(await getOverSocket(socketPath, '/version')) as Record<
      string,
      string
    >;
    const ok = isAtLeast(ApiVersion ?? '0', '1.41');
    const found = `Docker ${Version} (API ${ApiVersion}) at ${socketPath}`;
    return { name, ok, found, todo: ok ? '' : 'install Docker Engine 20.10 or newer' };
  } catch (error) {
    const found = `no answer at ${socketPath}: ${error instanceof Error ? error.message : String(error)}`;
    return { name, ok: false, found, todo: 'start Docker (`systemctl start docker`, or dockerd)' };
  }
}

function getOverSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: WAIT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve(body));
    });
    call.on('timeout', () => call.destroy(new Error(`silent for ${WAIT_MS / 1_000} s`)));
    call.on('error', reject);
    call.end();
  });
}

function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

function checkCaddy(env: Io['env']): Check {
  const path = (env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'caddy'))
    .find(isExecutable);
  if (path !== undefined) return { name: 'caddy', ok: true, found: path, todo: '' };
  const todo = 'install Caddy (`apt-get install caddy`), or name one with [proxy] caddy in cluster.toml';
  return { name: 'caddy', ok: false, found: 'there is no caddy on the PATH', todo };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Only an ingress needs them, so that it is no harm when they are taken. */
export async function checkIngressPorts(): Promise<Check> {
  const taken = (await Promise.all([80, 443].map(checkPort))).filter(({ ok }) => !ok);
  const found =
    taken.length === 0
      ? 'ports 80 and 443 are free'
      : `${taken.map(({ found }) => found).join(', ')}: this node can't serve as an ingress there`;
  return { name: 'ports', ok: true, found, todo: '' };
}

function checkPort(port: number): Promise<Check> {
  const name = 'port';
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (taken: boolean): void => {
      socket.destroy();
      const found = taken ? `something else listens on port ${port}` : `port ${port} is free`;
      resolve({ name, ok: !taken, found, todo: taken ? 'stop it, or give `orca server` another port' : '' });
    };
    socket.setTimeout(WAIT_MS, () => end(false));
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

/** Of the disk that holds the home, or will hold it. */
export function checkDisk(home: string): Check {
  for (let folder = home; ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = statfsSync(folder);
      const free = bavail * bsize;
      const ok = free >= MIN_FREE_BYTES;
      const found = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${folder}`;
      return { name: 'disk', ok, found, todo: ok ? '' : 'free some space: the store and images need it' };
    } catch {
      if (dirname(folder) === folder)
        return { name: 'disk', ok: false, found: `${home} has no disk`, todo: '' };
    }
  }
}
