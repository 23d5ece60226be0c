/**
 * Several hosts on one machine: each is a network namespace with a Docker daemon of its own, on a bridge, reachable from
 * where it was made. Promises to share nothing with other beds, and to leave nothing behind, however its maker ends.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { claimBed, isAbandoned, ownBeds } from './testbed-claim.js';
import { killDaemon, startDaemon } from './testbed-daemon.js';
import { type BedNames, bedNames, type HostNames, hostNames, MAX_HOSTS } from './testbed-names.js';
import { cut, entering, heal, makeHost, makeSwitch, slow } from './testbed-network.js';
import { removeBed } from './testbed-removal.js';
import { run } from './testbed-run.js';

export interface BedHost extends HostNames {
  /** Its Docker, as a URL. */
  docker: string;
  /** The command that runs `command` there. */
  enter(command: string[]): string[];
  spawn(command: string[], options?: SpawnOptions): ChildProcess;
  /** To its end; answers what it printed, throws when it failed. */
  run(command: string[]): string;
  cut(): void;
  heal(): void;
  slow(delay: string, loss: string): void;
  killDaemon(): Promise<void>;
  startDaemon(): Promise<void>;
}

export interface Testbed {
  names: BedNames;
  hosts: BedHost[];
  /** By its name; throws when there is none. */
  host(name: string): BedHost;
  remove(): Promise<void>;
}

/** A bed that ends with this process, or at `remove`. */
export async function startTestbed(hosts: number): Promise<Testbed> {
  checkMachine(hosts);
  for (const bed of ownBeds().filter(isAbandoned)) removeBed(bed.names.id);
  const { id } = claimBed(hosts, false);
  const reaper = startReaper(id);
  try {
    const bed = await buildBed(id, hosts);
    return { ...bed, remove: () => reaper.end() };
  } catch (error) {
    await reaper.end();
    throw error;
  }
}

/** Makes what is missing of a claimed bed: all of it, or what somebody ended. */
export async function buildBed(id: string, hosts: number): Promise<Testbed> {
  const bed = openBed(id, hosts);
  makeSwitch(bed.names);
  for (const host of bed.hosts) {
    mkdirSync(host.folder, { recursive: true, mode: 0o700 });
    makeHost(bed.names, host);
  }
  await Promise.all(bed.hosts.map((host) => host.startDaemon()));
  return bed;
}

/** One that was built. */
export function openBed(id: string, count: number): Testbed {
  const names = bedNames(id);
  const hosts = Array.from({ length: count }, (_, i) => aHost(names, i + 1));
  const host = (name: string): BedHost => {
    const found = hosts.find((one) => one.name === name);
    if (!found) throw new Error(`no host ${name}; there are ${hosts.map((one) => one.name).join(', ')}`);
    return found;
  };
  return { names, hosts, host, remove: async () => removeBed(id) };
}

/** Throws one line when this machine can't have hosts. */
export function checkMachine(hosts: number): void {
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > MAX_HOSTS)
    throw new Error(`a test bed has 1 to ${MAX_HOSTS} hosts`);
  if (process.platform !== 'linux') throw new Error('the test bed needs Linux');
  if (process.getuid?.() !== 0)
    throw new Error('the test bed needs root, for network namespaces and Docker daemons');
  run('ip', ['netns', 'list']);
  run('nsenter', ['--version']);
  run('unshare', ['--net', '--uts', 'true']);
}

function aHost(bed: BedNames, number: number): BedHost {
  const host = hostNames(bed, number);
  const enter = (command: string[]): string[] => entering(host, command);
  return {
    ...host,
    docker: `unix://${host.socket}`,
    enter,
    spawn(command, options = {}) {
      const [program = '', ...args] = enter(command);
      return spawn(program, args, options);
    },
    run(command) {
      const [program = '', ...args] = enter(command);
      return run(program, args);
    },
    cut: () => cut(bed, host),
    heal: () => heal(bed, host),
    slow: (delay, loss) => slow(bed, host, delay, loss),
    killDaemon: () => killDaemon(host),
    startDaemon: () => startDaemon(host),
  };
}

/** `end` removes the bed and answers when nothing of it is left. */
function startReaper(id: string): { end(): Promise<void> } {
  const program = fileURLToPath(new URL('testbed-reaper.js', import.meta.url));
  const child = spawn(process.execPath, [program, id], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  return {
    async end() {
      removeBed(id);
      if (child.exitCode !== null) return;
      child.ref();
      const ended = once(child, 'exit');
      child.stdin?.end();
      await ended;
    },
  };
}
