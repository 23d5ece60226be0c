/**
 * What nothing else has caught, in the log with its stack. A promise that nobody waited for ends nothing: a decision is one transaction
 * of the store and never spans an `await`, and what was held is given back by `finally`. An exception out of a listener or a timer may
 * have left memory half changed: the master ends, and is started again from its store. What others send gets to neither: a connection's
 * listener answers for its own (`ofOneConnection`).
 */
import { messageOf } from '../shared/errors.js';
import type { Log } from '../shared/log.js';

export interface Program {
  on(event: 'unhandledRejection' | 'uncaughtException', listener: (error: unknown) => void): unknown;
  exit(code: number): void;
}

export function lastResort(log: Log, program: Program): void {
  const tell = (error: unknown, what: string): void =>
    log.error({ reason: messageOf(error), stack: error instanceof Error ? error.stack : null }, what);
  program.on('unhandledRejection', (error) => tell(error, 'unhandled rejection'));
  program.on('uncaughtException', (error) => {
    tell(error, 'uncaught exception: the master ends, and goes on from its store when it is started again');
    program.exit(1);
  });
}
