/**
 * What `orca login` keeps for a user: one master with its CA and a token, 0600, in the user's own configuration folder. Never in the home of a
 * server, whose files are the cluster's.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf, OrcaError } from '../shared/errors.js';
import { writeFileAtomic } from '../shared/files.js';
import type { Io } from './io.js';

export interface Login {
  url: string;
  /** PEM; null: the API has a certificate of a public CA. */
  ca: string | null;
  token: string;
}

/** `$XDG_CONFIG_HOME/orca`, else `~/.config/orca`. */
const folderOf = (env: Io['env']): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'orca');

export const loginFile = (env: Io['env']): string => join(folderOf(env), 'login.json');

/** Null: nobody is logged in. Throws USAGE for a file that can't be read as one. */
export function readLogin(env: Io['env']): Login | null {
  const file = loginFile(env);
  try {
    return asLogin(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    if (
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ||
      (cause as NodeJS.ErrnoException).code === 'ENOTDIR'
    )
      return null;
    throw new OrcaError('USAGE', `${file} can't be read as a login`, {
      cause,
      hint: 'Run `orca logout` to remove it, and log in again.',
    });
  }
}

/** By hand: every command reads it, and a schema takes longer to load than most of them take. Throws for anything else. */
function asLogin(value: unknown): Login {
  const { url, ca, token } = value as Partial<Login>;
  if (typeof url !== 'string' || typeof token !== 'string' || (typeof ca !== 'string' && ca !== null))
    throw new TypeError('url, ca and token are missing');
  return { url, ca, token };
}

export function writeLogin(env: Io['env'], login: Login): string {
  const file = loginFile(env);
  try {
    mkdirSync(folderOf(env), { recursive: true, mode: 0o700 });
    writeFileAtomic(file, `${JSON.stringify(login, null, 2)}\n`, 0o600);
  } catch (cause) {
    throw new OrcaError('USAGE', `${file} can't be written: ${messageOf(cause)}`, {
      cause,
      hint: 'Name a folder that you can write to with XDG_CONFIG_HOME.',
    });
  }
  return file;
}

/** Whether there was one. */
export function removeLogin(env: Io['env']): boolean {
  try {
    rmSync(loginFile(env));
    return true;
  } catch (cause) {
    if (
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ||
      (cause as NodeJS.ErrnoException).code === 'ENOTDIR'
    )
      return false;
    throw new OrcaError('USAGE', `${loginFile(env)} can't be removed: ${messageOf(cause)}`, { cause });
  }
}
