/**
 * The cgroup that the steps of a BuildKit build run below, with the limits of memory and CPU that BuildKit itself does not take. Made by the agent, on the
 * host of Docker's daemon; runc makes the cgroup of each step below it. Versions 1 and 2 of cgroups. Where it can't be made, that is said.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface StepLimits {
  memoryBytes: number;
  cpus: number;
}

export interface StepGroup {
  /** As Docker is told of it. */
  name: string;
  /** Something ran in it since it was opened. */
  wasUsed(): Promise<boolean>;
  /** Takes the group away, or its limits where it is not ours. */
  end(): Promise<void>;
}

const PERIOD_US = 100_000;
/** Of 1,024 (and 12 of 100): a step gets an eighth where both want all. */
const SHARES = 128;
const WEIGHT = 12;

type Settings = readonly [file: string, value: string, isNeeded: boolean][];

/** `isOurs`: it is removed at the end. Rejects where it can't be made or does not hold. */
export async function openStepGroup(
  name: string,
  isOurs: boolean,
  limits: StepLimits,
  root = '/sys/fs/cgroup',
): Promise<StepGroup> {
  const isOne = existsSync(join(root, 'cgroup.controllers'));
  const kind = isOne ? unified(join(root, name)) : split(root, name);
  for (const folder of kind.folders) await mkdir(folder, { recursive: true });
  await set(kind.limited(limits));
  const held = Number((await readFile(kind.limit, 'utf8')).trim());
  if (!(held > 0 && held <= limits.memoryBytes)) throw new Error(`${kind.limit} does not hold a limit`);
  return {
    name: `/${name}`,
    wasUsed: async () => kind.used(await readFile(kind.usage, 'utf8')),
    end: async () => {
      if (!isOurs) await set(kind.unlimited).catch(() => undefined);
      else for (const folder of kind.folders) await removeGroup(folder);
    },
  };
}

interface Kind {
  folders: string[];
  limited(limits: StepLimits): Settings;
  unlimited: Settings;
  /** Reads back the limit of memory. */
  limit: string;
  usage: string;
  used(text: string): boolean;
}

function unified(folder: string): Kind {
  const at = (file: string): string => join(folder, file);
  return {
    folders: [folder],
    limited: ({ memoryBytes, cpus }) => [
      [at('memory.max'), String(memoryBytes), true],
      [at('memory.swap.max'), '0', false],
      [at('cpu.max'), `${quota(cpus)} ${PERIOD_US}`, true],
      [at('cpu.weight'), String(WEIGHT), false],
    ],
    unlimited: [
      [at('memory.max'), 'max', true],
      [at('memory.swap.max'), 'max', false],
      [at('cpu.max'), `max ${PERIOD_US}`, true],
      [at('cpu.weight'), '100', false],
    ],
    limit: at('memory.max'),
    usage: at('cpu.stat'),
    used: (text) => !/^usage_usec 0$/m.test(text),
  };
}

function split(root: string, name: string): Kind {
  const memory = (file: string): string => join(root, 'memory', name, file);
  const cpu = (file: string): string => join(root, 'cpu', name, file);
  return {
    folders: [join(root, 'memory', name), join(root, 'cpu', name)],
    limited: ({ memoryBytes, cpus }) => [
      // Memory with swap is never less than without.
      [memory('memory.memsw.limit_in_bytes'), '-1', false],
      [memory('memory.limit_in_bytes'), String(memoryBytes), true],
      [memory('memory.memsw.limit_in_bytes'), String(memoryBytes), false],
      [memory('memory.max_usage_in_bytes'), '0', true],
      [cpu('cpu.cfs_period_us'), String(PERIOD_US), true],
      [cpu('cpu.cfs_quota_us'), String(quota(cpus)), true],
      [cpu('cpu.shares'), String(SHARES), true],
    ],
    unlimited: [
      [memory('memory.memsw.limit_in_bytes'), '-1', false],
      [memory('memory.limit_in_bytes'), '-1', true],
      [cpu('cpu.cfs_quota_us'), '-1', true],
      [cpu('cpu.shares'), '1024', true],
    ],
    limit: memory('memory.limit_in_bytes'),
    usage: memory('memory.max_usage_in_bytes'),
    used: (text) => Number(text.trim()) > 0,
  };
}

const quota = (cpus: number): number => Math.max(1_000, Math.round(cpus * PERIOD_US));

async function set(settings: Settings): Promise<void> {
  for (const [file, value, isNeeded] of settings) {
    const written = writeFile(file, value, { flag: 'r+' });
    await (isNeeded ? written : written.catch(() => undefined));
  }
}

/** With what runc has left below it; one that something still runs in stays, with its limits. */
async function removeGroup(folder: string): Promise<void> {
  const below = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of below) if (entry.isDirectory()) await removeGroup(join(folder, entry.name));
  await rmdir(folder).catch(() => undefined);
}
