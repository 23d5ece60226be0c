/**
 * Ends a build before it fills what others need: its clone may be so large, and the disks of the home and of Docker keep a rest. Looks once a second;
 * the signal's reason says which it was.
 */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../engine.js';

export interface RoomOptions {
  /** The clone. */
  folder: string;
  maxBytes: number;
  /** On whose file systems room is to be left; what is not there is not looked at. */
  places: readonly string[];
  /** Bytes that are left free; also five percent of a disk that is smaller than twenty times that. */
  leaveBytes: number;
  onFull(reason: EngineError): void;
}

const LOOK_MS = 1_000;

/** Answers with how to end the watch. */
export function watchRoom(options: RoomOptions): () => void {
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  const look = async (): Promise<void> => {
    const problem = await problemOf(options).catch(() => null);
    if (isStopped) return;
    if (problem !== null) options.onFull(new EngineError('refused', problem));
    else timer = setTimeout(() => void look(), LOOK_MS).unref();
  };
  void look();
  return () => {
    isStopped = true;
    if (timer) clearTimeout(timer);
  };
}

async function problemOf({ folder, maxBytes, places, leaveBytes }: RoomOptions): Promise<string | null> {
  for (const place of places) {
    const found = await statfs(place).catch(() => null);
    if (found === null) continue;
    const free = found.bavail * found.bsize;
    const leave = Math.min(leaveBytes, (found.blocks * found.bsize) / 20);
    if (free < leave)
      return `the disk of ${place} has ${mebibytes(free)} left, so that the build was stopped; free some (\`orca cleanup\`), or let it build elsewhere`;
  }
  const size = await sizeOf(folder, maxBytes);
  return size > maxBytes
    ? `the repository is larger than ${mebibytes(maxBytes)} when it is cloned; make it smaller, or build the image elsewhere`
    : null;
}

/** Stops counting where it is too much. */
async function sizeOf(folder: string, maxBytes: number): Promise<number> {
  let sum = 0;
  const names = [folder];
  for (let next = names.pop(); next !== undefined && sum <= maxBytes; next = names.pop()) {
    const at = next;
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) names.push(path);
      else if (entry.isFile()) sum += (await stat(path).catch(() => null))?.size ?? 0;
    }
  }
  return sum;
}

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)} MiB`;
