/**
 * Removes a test bed from whatever state it is in, by its names alone: processes by pid, then mounts, control groups,
 * namespaces with their interfaces, and the folder. Without waiting on an event loop, and again without harm.
 */
import { existsSync, readdirSync, readlinkSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { readIfThere, signal } from './processes.js';
import { type BedNames, bedNames } from './testbed-names.js';
import { attempt } from './testbed-run.js';

const NAMESPACES = '/var/run/netns';
const CGROUPS = '/sys/fs/cgroup';
const END_MS = 10_000;

/** Throws only when something can't be ended or unmounted: then its folder stays, and `down` may be said again. */
export function removeBed(id: string): void {
  const bed = bedNames(id);
  endProcesses(bed);
  const containers = containersOf(bed);
  unmountBelow(bed.root);
  for (const container of containers) removeGroups(container);
  for (const namespace of namespacesOf(bed)) attempt('ip', ['netns', 'delete', namespace]);
  attempt('ip', ['link', 'delete', bed.link]);
  rmSync(bed.root, { recursive: true, force: true });
}

/** The pids of everything that runs in one of its namespaces, or on a file system of one of its containers. */
export function pidsOf(bed: BedNames, namespaces = namespacesOf(bed)): number[] {
  const inodes = namespaces.map((name) => `net:[${statSync(`${NAMESPACES}/${name}`).ino}]`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => inodes.includes(namespaceOf(pid)) || standsOn(pid, `${bed.root}/`))
    .map(Number);
}

function namespacesOf({ prefix }: BedNames): string[] {
  return existsSync(NAMESPACES) ? readdirSync(NAMESPACES).filter((name) => name.startsWith(prefix)) : [];
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return '';
  }
}

/** Its own `/` is a mount of something below the folder, as a container's is. */
function standsOn(pid: string, folder: string): boolean {
  const mounts = readIfThere(`/proc/${pid}/mountinfo`).split('\n');
  return mounts.some((line) => line.split(' ')[4] === '/' && line.includes(folder));
}

function endProcesses(bed: BedNames): void {
  const untilMs = Date.now() + END_MS;
  for (let pids = pidsOf(bed); pids.length > 0; pids = pidsOf(bed)) {
    if (Date.now() > untilMs) throw new Error(`processes ${pids.join(', ')} of ${bed.root} do not end`);
    for (const pid of pids) signal(pid, 'SIGKILL');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

function containersOf({ root }: BedNames): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((host) => `${root}/${host}/data/containers`)
    .flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
}

function unmountBelow(root: string): void {
  for (const path of mountsBelow(root).reverse()) attempt('umount', ['--lazy', path]);
  const [left] = mountsBelow(root);
  if (left !== undefined) throw new Error(`${left} could not be unmounted`);
}

function mountsBelow(root: string): string[] {
  return readIfThere('/proc/self/mounts')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${root}/`));
}

/** A daemon that is killed leaves its containers' empty groups: one tree (cgroup v2), or one a controller (v1). */
function removeGroups(container: string): void {
  const trees = existsSync(CGROUPS) ? readdirSync(CGROUPS).map((name) => `${CGROUPS}/${name}`) : [];
  for (const tree of [CGROUPS, ...trees])
    for (const name of [`docker/${container}`, `system.slice/docker-${container}.scope`])
      if (existsSync(`${tree}/${name}`)) removeGroup(`${tree}/${name}`);
}

function removeGroup(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Its last process is on its way out; an empty group harms nobody.
  }
}
