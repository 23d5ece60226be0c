/**
 * A Caddy that lives as long as one record: started with its configuration on its standard input, so that no secret is in an argument or a
 * file, and killed when its work is over. It ends with the master however that ends (`setpriv --pdeathsig`, where the host has it),
 * and is known by a file with its pid and start time: the next master ends what was left and removes its folder.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onPath } from '../../shared/caddy-binary.js';
import { writeFileAtomic } from '../../shared/files.js';
import { identityOf, isAlive, type ProcessIdentity } from '../../shared/process-identity.js';
import { readCaddyLine } from './caddy-words.js';

export interface CaddyCommand {
  binary: string;
  verb: 'run' | 'validate';
  config: object;
  /** Its own, and not there yet: 0700, removed when it has ended. */
  folder: string;
  env: NodeJS.ProcessEnv;
  /** Takes out of what it says what must not be shown. */
  hide(text: string): string;
}

export interface CaddyProcess {
  /** Resolves with why it could not do it, as soon as it says so; never when it doesn't. */
  failed: Promise<string>;
  /** Resolves when it has ended, with how, and what it said last. */
  ended: Promise<{ code: number | null; lastWords: string }>;
  /** What it said last. */
  lastWords(): string;
  /** Kills it. */
  end(): void;
}

const PID = 'pid.json';
/** Characters of what it says that are kept. */
const MAX_WORDS = 600;

export function startCaddy({ binary, verb, config, folder, env, hide }: CaddyCommand): CaddyProcess {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [file = '', ...args] = [...boundToUs(env), binary, verb, '--config', '-'];
  const child = spawn(file, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    cwd: folder,
    env: { ...env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
  });
  remember(child, folder);
  // One that ended at once has not read it.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(JSON.stringify(config));
  let lastWords = 'it said nothing';
  let fail = (_: string): void => undefined;
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
    const said = readCaddyLine(line);
    if (said === null) return;
    // Cut after that: of what is hidden no beginning may be left.
    lastWords = hide(said.words).slice(0, MAX_WORDS);
    if (said.isRefusal) fail(lastWords);
  });
  const ended = new Promise<{ code: number | null; lastWords: string }>((resolve) => {
    const over = (code: number | null): void => {
      rmSync(folder, { recursive: true, force: true });
      resolve({ code, lastWords });
    };
    child.on('error', (error) => {
      lastWords = error.message;
      over(null);
    });
    child.on('close', over);
  });
  return { failed, ended, lastWords: () => lastWords, end: () => void child.kill('SIGKILL') };
}

/** Ends what a master before has left in these folders, and removes them. */
export function clearCaddies(parent: string): void {
  for (const name of foldersIn(parent)) {
    const folder = join(parent, name);
    const known = rememberedIn(folder);
    if (known !== null && isAlive(known)) endHard(known.pid);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** It dies with the thread that starts it, which is the master's main one (prctl(2), PR_SET_PDEATHSIG). Busybox's `setpriv` can't. */
function boundToUs(env: NodeJS.ProcessEnv): string[] {
  const setpriv = onPath('setpriv', env);
  if (setpriv === null) return [];
  const bound = [setpriv, '--pdeathsig', 'KILL', '--'];
  return spawnSync(setpriv, [...bound.slice(1), 'true'], { timeout: 2_000 }).status === 0 ? bound : [];
}

/** Before it has its configuration: what nobody would know of has nothing that it could do. */
function remember(child: ChildProcess, folder: string): void {
  try {
    const identity = child.pid === undefined ? null : identityOf(child.pid);
    if (identity !== null) writeFileAtomic(join(folder, PID), JSON.stringify(identity), 0o600);
  } catch (error) {
    child.on('error', () => undefined);
    child.kill('SIGKILL');
    throw error;
  }
}

function endHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function rememberedIn(folder: string): ProcessIdentity | null {
  try {
    const { pid, startTicks = null } = JSON.parse(readFileSync(join(folder, PID), 'utf8')) as ProcessIdentity;
    return Number.isInteger(pid) && pid > 1 ? { pid, startTicks } : null;
  } catch {
    return null;
  }
}

function foldersIn(parent: string): string[] {
  try {
    return readdirSync(parent);
  } catch {
    return [];
  }
}
