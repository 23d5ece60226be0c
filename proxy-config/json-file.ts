/** Files of the ingress: written whole (temporary file, then rename) and readable by their owner only. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Writes JSON so that a reader, or a crash at any moment, sees the old or the new file. */
export function writeJsonFile(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  renameSync(temporary, path);
}

/** The parsed file, or null when it is missing or not JSON. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}
