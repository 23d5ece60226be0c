/**
 * What an agent remembers over a restart, below `HOME/agent`, each file 0600 and written atomically: the last assignment,
 * so that it goes on while the master is away (values of secrets in it sealed with the node's own key), the tags it put on images, and what it last reported, so that a restarted agent doesn't take what
 * serves out of the traffic until it has asked again. Where a file can't be written (a full disk) the one before stays
 * whole, the agent goes on from what it holds, and the newest is written as soon as there is room.
 */
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { messageOf } from '../shared/errors.js';
import {
  type AllocationObserved,
  type Assignment,
  allocationObservedSchema,
  assignmentSchema,
  type SentSecrets,
} from '../shared/protocol.js';
import { type NodeKey, nodeKey } from './node-key.js';

export interface Memory {
  /** With the values of secrets, where they can be opened. */
  assignment(): Promise<Assignment | null>;
  observed(): Promise<AllocationObserved[]>;
  /** Image tags that this node's assignments asked for. */
  tags(): Promise<string[]>;
  /** Writes are in order; while one is under way only the newest is kept. */
  keepAssignment(assignment: Assignment): void;
  keepObserved(observed: AllocationObserved[]): void;
  keepTags(tags: string[]): void;
  /** Why the newest of something is not on disk; null: all of it is, or is on its way there. */
  problem(): string | null;
  /** Calls `listener` at each change of `problem()`; one listener. */
  watch(listener: () => void): void;
  /** Resolves when everything kept is on disk, or was tried. */
  settled(): Promise<void>;
}

/** `onProblem` hears of each change of `problem()`, once: a disk that stays full is no storm of lines. */
export function openMemory(
  folder: string,
  onProblem: (problem: string | null) => void,
  retryMs = 5_000,
): Memory {
  const key = nodeKey(folder);
  let said: string | null = null;
  let heard: () => void = () => undefined;
  const problem = (): string | null =>
    writers.map((one) => one.problem()).find((one) => one !== null) ?? null;
  const tell = (): void => {
    const now = problem();
    if ((now === null) === (said === null)) return;
    said = now;
    onProblem(now);
    heard();
  };
  const writer = (name: string) => newestWriter(join(folder, name), tell, retryMs);
  const assignments = writer('assignment.json');
  const observations = writer('observed.json');
  const tags = writer('tags.json');
  const writers = [assignments, observations, tags];
  return {
    async assignment() {
      const kept = await readJson(join(folder, 'assignment.json'));
      const parsed = assignmentSchema.safeParse(kept);
      return parsed.success ? { ...parsed.data, ...openSecrets(key, kept) } : null;
    },
    async observed() {
      const parsed = observedSchema.safeParse(await readJson(join(folder, 'observed.json')));
      return parsed.success ? parsed.data : [];
    },
    async tags() {
      const parsed = tagsSchema.safeParse(await readJson(join(folder, 'tags.json')));
      return parsed.success ? parsed.data : [];
    },
    keepTags: (held) => tags.write(() => JSON.stringify(held)),
    keepAssignment: (assignment) => assignments.write(() => assignmentText(key, assignment)),
    keepObserved: (observed) => observations.write(() => JSON.stringify(observed)),
    problem,
    watch(listener) {
      heard = listener;
    },
    async settled() {
      await Promise.all(writers.map((one) => one.settled()));
    },
  };
}

/** Credentials for registries are not kept at all: a pull that needs them needs the master too. */
function assignmentText(key: NodeKey, { secrets, registries: _, ...assignment }: Assignment): string {
  const isPlain = secrets === undefined || Object.keys(secrets).length === 0;
  return JSON.stringify(
    isPlain ? assignment : { ...assignment, sealedSecrets: key.seal(JSON.stringify(secrets)) },
  );
}

/** Those that can't be opened come from the master again. */
function openSecrets(key: NodeKey, kept: unknown): Pick<Assignment, 'secrets'> {
  const { sealedSecrets } = kept as { sealedSecrets?: unknown };
  const text = typeof sealedSecrets === 'string' ? key.unseal(sealedSecrets) : null;
  return text === null ? {} : { secrets: JSON.parse(text) as SentSecrets };
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
  try {
    await writeWhole(draft, text);
    await rename(draft, path);
  } catch (error) {
    // What there was room for would only keep the disk full.
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function writeWhole(draft: string, text: string): Promise<void> {
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(draft, 0o600);
}

function newestWriter(path: string, onOutcome: () => void, retryMs: number) {
  let waiting: (() => string) | null = null;
  let work: Promise<void> | null = null;
  let problem: string | null = null;
  let retry: NodeJS.Timeout | null = null;
  const attempt = async (make: () => string): Promise<void> => {
    if (retry) clearTimeout(retry);
    retry = null;
    try {
      await writeAtomic(path, make());
      problem = null;
    } catch (error) {
      problem = messageOf(error);
      if (waiting === null) retry = setTimeout(() => write(make), retryMs).unref();
    }
    onOutcome();
  };
  const drain = async (): Promise<void> => {
    while (waiting !== null) {
      const make: () => string = waiting;
      waiting = null;
      await attempt(make);
    }
    work = null;
  };
  const write = (make: () => string): void => {
    if (retry) clearTimeout(retry);
    retry = null;
    waiting = make;
    work ??= drain();
  };
  return {
    write,
    problem: () => problem,
    async settled(): Promise<void> {
      await work;
    },
  };
}
