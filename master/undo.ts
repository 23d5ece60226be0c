/** How a master ends, and how a start that fails is taken back. */
import { messageOf, OrcaError } from '../shared/errors.js';

/** A file of the home that the disk has no room for is the same trouble as a store that it has none for. */
export function noSpace(cause: unknown, home: string): OrcaError | null {
  if ((cause as { code?: unknown }).code !== 'ENOSPC') return null;
  return new OrcaError('STORE_FULL', `the disk of the home ${home} is full: ${messageOf(cause)}`, { cause });
}

/** Ends in the opposite order; one that fails does not keep the others from ending. */
export async function runAll(undo: (() => Promise<void> | void)[]): Promise<void> {
  for (const end of undo.splice(0).reverse())
    try {
      await end();
    } catch (error) {
      process.stderr.write(`orca server: ${messageOf(error)}\n`);
    }
}
