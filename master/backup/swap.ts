/**
 * Puts a restored home in the place of the one that is there. Everything waits complete on disk in `restore.partial`; one
 * rename to `restore.ready` decides, and from there on it is only ever finished: by the restore itself or, if that was
 * killed, by the next start of the master. So a home is the old one or the new one, at whatever line it ends.
 *
 * What belongs to processes that outlive the master (agent, Caddy) stays where it is; the folder of the agent goes with the
 * rest when it is another node's.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { writeFileAtomic } from '../../shared/files.js';
import { BOUND_FILE } from '../store/sealed.js';

const PARTIAL = 'restore.partial';
const READY = 'restore.ready';
const DONE = 'restore.done';
const PLAN = 'restore.json';

/** What of a home makes a master, beside its store and its own node. */
export const MASTER_FILES = [
  ...['ca.pem', 'ca.key', 'master.key', BOUND_FILE, 'cluster.token', 'cluster.toml', 'certs'],
];

/** Everything at the top of a home that a restore replaces. */
const REPLACED = ['cluster.db', ...MASTER_FILES, 'agent'];

interface SwapPlan {
  /** Where what was there is kept. */
  before: string;
  goes: string[];
  comes: string[];
}

/** An empty folder to restore into, on the disk of the home. */
export function beginSwap(home: string): string {
  const folder = join(home, PARTIAL);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

export function dropSwap(home: string): void {
  rmSync(join(home, PARTIAL), { recursive: true, force: true });
}

/** What a restore would replace in this home, but for the agent of the node that it restores. The mark of a store that is gone stands in nobody's way. */
export function inTheWay(home: string, nodeId: string | null): string[] {
  return replaced(home, nodeId).filter((name) => name !== BOUND_FILE);
}

function replaced(home: string, nodeId: string | null): string[] {
  return REPLACED.filter((name) => existsSync(join(home, name)) && !isOwnAgent(home, name, nodeId));
}

/** Decides, and puts everything in its place. Answers where what was there is kept; null: nothing was there. */
export function commitSwap(home: string, nodeId: string | null, nowMs: number): string | null {
  const folder = join(home, PARTIAL);
  const comes = readdirSync(folder).filter((name) => !isOwnAgent(home, name, nodeId));
  const goes = replaced(home, nodeId);
  const plan: SwapPlan = { before: beforeOf(home, nowMs), goes, comes };
  writeFileAtomic(join(folder, PLAN), JSON.stringify(plan), 0o600);
  syncAll(folder);
  renameSync(folder, join(home, READY));
  syncFolder(home);
  finishSwap(home);
  return goes.some((name) => name !== BOUND_FILE) ? plan.before : null;
}

/** Finishes a restore that had decided, and clears away one that had not; under the home's lock. */
export function finishSwap(home: string): void {
  dropSwap(home);
  rmSync(join(home, DONE), { recursive: true, force: true });
  const ready = join(home, READY);
  if (!existsSync(ready)) return;
  const { before, goes, comes } = JSON.parse(readFileSync(join(ready, PLAN), 'utf8')) as SwapPlan;
  for (const name of goes) {
    const isIn = comes.includes(name) && !existsSync(join(ready, name));
    if (isIn || !existsSync(join(home, name))) continue;
    mkdirSync(before, { recursive: true, mode: 0o700 });
    renameSync(join(home, name), join(before, name));
  }
  for (const name of comes)
    if (existsSync(join(ready, name))) renameSync(join(ready, name), join(home, name));
  syncFolder(home);
  renameSync(ready, join(home, DONE));
  rmSync(join(home, DONE), { recursive: true, force: true });
}

/** The node id in a home's `agent/agent.json`; null without one. */
export function nodeIdIn(home: string): string | null {
  try {
    const { nodeId } = JSON.parse(readFileSync(join(home, 'agent', 'agent.json'), 'utf8')) as {
      nodeId?: unknown;
    };
    return typeof nodeId === 'string' ? nodeId : null;
  } catch {
    return null;
  }
}

/** What the agent of that very node remembers is worth more than its id alone. */
const isOwnAgent = (home: string, name: string, nodeId: string | null): boolean =>
  name === 'agent' && nodeId !== null && nodeIdIn(home) === nodeId;

/** Beside the home; inside of one that is a disk of its own, for nothing is renamed from one disk to another. */
function beforeOf(home: string, nowMs: number): string {
  const whole = resolve(home);
  const name = `before-${new Date(nowMs).toISOString().replace(/[:.]/g, '-')}`;
  const isOwnDisk = statSync(whole).dev !== statSync(dirname(whole)).dev;
  return isOwnDisk ? join(whole, name) : join(dirname(whole), `${basename(whole)}.${name}`);
}

function syncAll(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) syncAll(path);
    else syncFolder(path);
  }
  syncFolder(folder);
}

/** A file's or a folder's own content, on disk. */
function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
