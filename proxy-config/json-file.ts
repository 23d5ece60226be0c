/** Files of the ingress: written whole (temporary file, then rename) and readable by their owner only. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { messageOf } from '../shared/errors.js';

/** Writes JSON so that a reader, or a crash at any moment, sees the old or the new file. */
export function writeJsonFile(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    // What there was room for would only keep the disk full.
    discard(temporary);
    throw error;
  }
}

/** The parsed file, or null when it is missing or not JSON. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** As {@link writeJsonFile}, for what its writer can do without; null, or why it was not written: the file is as before. */
export function tryWriteJsonFile(path: string, value: unknown): string | null {
  try {
    writeJsonFile(path, value);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is not a file of ours.
  }
}
