/** How a master ends, and how a start that fails is taken back. */
import { messageOf } from '../shared/errors.js';

/** Ends in the opposite order; one that fails does not keep the others from ending. */
export async function runAll(undo: (() => Promise<void> | void)[]): Promise<void> {
  for (const end of undo.splice(0).reverse())
    try {
      await end();
    } catch (error) {
      process.stderr.write(`orca server: ${messageOf(error)}\n`);
    }
}
