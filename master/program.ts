/** The master as a program. */
import { messageOf } from '../shared/errors.js';
import { takeSignals } from '../shared/take-signals.js';
import { readFlags } from './flags.js';
import { createLogger } from './http/logger.js';
import { lastResort } from './last-resort.js';
import { type MasterOptions, startMaster } from './main.js';

/** `orca server`: runs until SIGTERM or SIGINT; SIGHUP reads cluster.toml again. Throws OrcaErrors of the start. `more` is for tests. */
export async function masterProgram(argv: string[], more: Pick<MasterOptions, 'store'> = {}): Promise<void> {
  takeSignals();
  lastResort(createLogger('info'), process);
  const master = await startMaster({ ...readFlags(argv), ...more });
  process.on('SIGHUP', () => {
    master
      .reload()
      .catch((error) => process.stderr.write(`orca server: reload refused: ${messageOf(error)}\n`));
  });
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  await master.stop();
}
