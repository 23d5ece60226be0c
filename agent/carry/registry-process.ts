/**
 * The registry behind the images that this node serves: the CNCF's, as Debian ships it (`docker-registry`), on a socket below
 * the home that nobody else may open. Started when it is needed, adopted when an agent before this one started it, and told
 * from any other process by its command line before it is ever stopped.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeFileAtomic } from '../../shared/files.js';

export interface RegistryProcess {
  readonly socket: string;
  /** Resolves once it answers. Rejects with what to do when it can't be had. */
  ensure(): Promise<void>;
  /** Ends it, also one that an earlier agent started. */
  stop(): Promise<void>;
  /** Ends it and works on what it stores; who needs it meanwhile waits. */
  rest<T>(work: () => Promise<T>): Promise<T>;
  /** True when a process of it may live. */
  isThere(): boolean;
}

export interface CarryPaths {
  folder: string;
  socket: string;
  config: string;
  pid: string;
  log: string;
  /** What the registry stores. */
  store: string;
}

/** `folder`: `HOME/images`. */
export function carryPaths(folder: string): CarryPaths {
  const at = (name: string): string => join(folder, name);
  return {
    folder,
    socket: at('registry.sock'),
    config: at('registry.yml'),
    pid: at('registry.pid'),
    log: at('registry.log'),
    store: at('store'),
  };
}

export const REGISTRY_PROGRAM = 'docker-registry';
const START_MS = 10_000;
const END_MS = 3_000;

export function registryProcess(paths: CarryPaths, program = REGISTRY_PROGRAM): RegistryProcess {
  let starting: Promise<void> | null = null;
  let resting: Promise<unknown> = Promise.resolve();
  const start = async (): Promise<void> => {
    if (await answers(paths.socket)) return;
    await end(paths);
    mkdirSync(paths.store, { recursive: true, mode: 0o700 });
    writeFileAtomic(paths.config, configText(paths, randomBytes(16).toString('hex')), 0o600);
    const child = await begun(paths, program);
    writeFileSync(paths.pid, `${child.pid}\n`, { mode: 0o600 });
    await untilUp(paths, child);
  };
  const stop = async (): Promise<void> => {
    await starting?.catch(() => undefined);
    await end(paths);
  };
  return {
    socket: paths.socket,
    async ensure() {
      await resting;
      starting ??= start().finally(() => {
        starting = null;
      });
      await starting;
    },
    stop,
    rest(work) {
      const done = stop().then(work);
      resting = done.catch(() => undefined);
      return done;
    },
    isThere: () => existsSync(paths.pid),
  };
}

/** PURE: what it is configured with. Locations are relative, for Docker speaks to it by way of the agent. */
export function configText({ store, socket }: Pick<CarryPaths, 'store' | 'socket'>, secret: string): string {
  return JSON.stringify({
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: store }, cache: { blobdescriptor: 'inmemory' } },
    http: { net: 'unix', addr: socket, secret, relativeurls: true },
  });
}

function begun(paths: CarryPaths, program: string): Promise<ChildProcess> {
  const log = openSync(paths.log, 'w', 0o600);
  const child = spawn(program, ['serve', paths.config], {
    cwd: paths.folder,
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
  });
  child.unref();
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child));
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'ENOENT'
          ? new Error(`the program ${program} is not on this node: install it (apt-get install ${program})`, {
              cause,
            })
          : new Error(`${program} could not be started: ${cause.message}`, { cause }),
      ),
    );
  });
}

async function untilUp(paths: CarryPaths, child: ChildProcess): Promise<void> {
  const untilMs = Date.now() + START_MS;
  while (child.exitCode === null && child.signalCode === null && Date.now() < untilMs) {
    if (await answers(paths.socket)) return;
    await delay(30);
  }
  const last = readFileSync(paths.log, 'utf8').trim().split('\n').at(-1) ?? '';
  throw new Error(`${REGISTRY_PROGRAM} did not come up: ${last.slice(0, 300) || `see ${paths.log}`}`);
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/v2/', agent: false, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

async function end(paths: CarryPaths): Promise<void> {
  const pid = existsSync(paths.pid) ? Number(readFileSync(paths.pid, 'utf8')) : 0;
  const untilMs = Date.now() + END_MS;
  for (let signal: NodeJS.Signals = 'SIGTERM'; isOurs(pid, paths); await delay(30)) {
    if (Date.now() >= untilMs) signal = 'SIGKILL';
    try {
      process.kill(pid, signal);
    } catch {
      break;
    }
  }
  rmSync(paths.pid, { force: true });
  rmSync(paths.socket, { force: true });
}

/** The process of that number serves this very configuration. */
function isOurs(pid: number, { config }: CarryPaths): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(config);
  } catch {
    return false;
  }
}
