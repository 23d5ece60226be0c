/** The folder that the master keeps everything in: made at its first start, its owner's alone. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, OrcaError } from '../shared/errors.js';

/** Throws USAGE. */
export function makeHome(home: string): void {
  try {
    mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o700 });
    chmodSync(home, 0o700);
  } catch (cause) {
    throw new OrcaError('USAGE', `the home ${home} can't be used: ${messageOf(cause)}`, {
      cause,
      hint: 'Run as a user who may write there, or pass another --home.',
    });
  }
}

/** A file of the home that the disk has no room for is the same trouble as a store that it has none for. */
export function noSpace(cause: unknown, home: string): OrcaError | null {
  if ((cause as { code?: unknown }).code !== 'ENOSPC') return null;
  return new OrcaError('STORE_FULL', `the disk of the home ${home} is full: ${messageOf(cause)}`, { cause });
}
