/**
 * What an agent remembers over a restart, below `HOME/agent`, each file 0600 and written atomically: the last assignment,
 * so that it goes on while the master is away, the tags it put on images, and what it last reported, so that a restarted agent doesn't take what
 * serves out of the traffic until it has asked again.
 */
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import {
  type AllocationObserved,
  type Assignment,
  allocationObservedSchema,
  assignmentSchema,
} from '../shared/protocol.js';

export interface Memory {
  assignment(): Promise<Assignment | null>;
  observed(): Promise<AllocationObserved[]>;
  /** Image tags that this node's assignments asked for. */
  tags(): Promise<string[]>;
  /** Writes are in order; while one is under way only the newest is kept. */
  keepAssignment(assignment: Assignment): void;
  keepObserved(observed: AllocationObserved[]): void;
  keepTags(tags: string[]): void;
  /** Resolves when everything kept is on disk. */
  settled(): Promise<void>;
}

export function openMemory(folder: string, onError: (error: unknown) => void): Memory {
  const assignments = newestWriter(join(folder, 'assignment.json'), onError);
  const observations = newestWriter(join(folder, 'observed.json'), onError);
  const tags = newestWriter(join(folder, 'tags.json'), onError);
  return {
    async assignment() {
      const parsed = assignmentSchema.safeParse(await readJson(join(folder, 'assignment.json')));
      return parsed.success ? parsed.data : null;
    },
    async observed() {
      const parsed = observedSchema.safeParse(await readJson(join(folder, 'observed.json')));
      return parsed.success ? parsed.data : [];
    },
    async tags() {
      const parsed = tagsSchema.safeParse(await readJson(join(folder, 'tags.json')));
      return parsed.success ? parsed.data : [];
    },
    keepTags: (held) => tags.write(JSON.stringify(held)),
    keepAssignment: (assignment) => assignments.write(JSON.stringify(assignment)),
    keepObserved: (observed) => observations.write(JSON.stringify(observed)),
    async settled() {
      await Promise.all([assignments.settled(), observations.settled(), tags.settled()]);
    },
  };
}

const observedSchema = z.array(allocationObservedSchema);
const tagsSchema = z.array(z.string());

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}

/** Replaces the file in one step: readers see the old text or the new one, also after a crash. */
export async function writeAtomic(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(draft, 0o600);
  await rename(draft, path);
}

function newestWriter(path: string, onError: (error: unknown) => void) {
  let waiting: string | null = null;
  let work: Promise<void> | null = null;
  const drain = async (): Promise<void> => {
    while (waiting !== null) {
      const text: string = waiting;
      waiting = null;
      await writeAtomic(path, text).catch(onError);
    }
    work = null;
  };
  return {
    write(text: string): void {
      waiting = text;
      work ??= drain();
    },
    async settled(): Promise<void> {
      await work;
    },
  };
}
