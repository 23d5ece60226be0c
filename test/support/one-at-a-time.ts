/** Suites run beside each other; what there is once on a machine, they use in turn. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeLock } from '../../shared/lock.js';
import { waitFor } from './wait-for.js';

const LONGEST_MS = 600_000;

/** Resolves when no other process has `what` (a word, such as `install`); this one has it then until it ends. */
export async function oneAtATime(what: string): Promise<void> {
  const path = join(tmpdir(), `orca-test-${what}.sock`);
  await waitFor(`the others to be done with ${what}`, () => takeLock(path, what).catch(() => null), {
    timeoutMs: LONGEST_MS,
    everyMs: 500,
  });
}
