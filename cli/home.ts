/** The Orca home as the CLI sees it: where the master on this host left its address, token and CA. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Io } from './io.js';

/** `ORCA_HOME`, else `/var/lib/orca` for root, `~/.orca` otherwise. */
export function homeOf(env: Io['env']): string {
  if (env.ORCA_HOME) return env.ORCA_HOME;
  return process.getuid?.() === 0 ? '/var/lib/orca' : join(env.HOME ?? homedir(), '.orca');
}

/** A file's text without its last line break; null when it can't be read. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
