/** A file of a companion that is kept true: the newest value is written, and again as long as the disk refuses it. */
import { tryWriteJsonFile } from './json-file.js';

export interface KeptFile<T> {
  keep(value: T): void;
  stop(): void;
  /** Why the newest value is not on disk; null: it is. */
  problem(): string | null;
}

/** Tries again every `againMs`; the file before stays until then. */
export function keptFile<T>(file: string, againMs: number): KeptFile<T> {
  let problem: string | null = null;
  let timer: NodeJS.Timeout | null = null;
  const stop = (): void => {
    if (timer) clearTimeout(timer);
  };
  const keep = (value: T): void => {
    stop();
    problem = tryWriteJsonFile(file, value);
    timer = problem === null ? null : setTimeout(() => keep(value), againMs).unref();
  };
  return { keep, stop, problem: () => problem };
}
