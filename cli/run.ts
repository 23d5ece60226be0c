/**
 * Runs one command line to its exit code: 0 done, 1 failed, 2 wrong usage or bad config, 3 master not reachable, 4 not
 * allowed, 130 interrupted. Whatever is thrown ends here and is printed by `output`.
 */
import { OrcaError } from '../shared/errors.js';
import type { Io } from './io.js';
import { createOutput } from './output.js';

/** `argv` without node and script. Never throws, never exits the process. */
export async function run(argv: string[], io: Io): Promise<number> {
  try {
    const [verb, ...rest] = argv;
    if (verb === 'server' || verb === 'agent') return await runProgram(verb, rest, io);
    if (verb === 'help' && (rest[0] === 'server' || rest[0] === 'agent')) return await help(rest[0], io);
    const { runProgramLine } = await import('./program.js');
    return await runProgramLine(argv, io);
  } catch (error) {
    createOutput(io).error(error);
    return error instanceof OrcaError ? error.exit : 1;
  }
}

async function runProgram(verb: 'server' | 'agent', argv: string[], io: Io): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) return await help(verb, io);
  const programs = await import('./programs.js');
  await (verb === 'server' ? programs.runServer(argv) : programs.runAgent(argv));
  return typeof process.exitCode === 'number' ? process.exitCode : 0;
}

async function help(verb: 'server' | 'agent', io: Io): Promise<number> {
  const { programHelp } = await import('./program-help.js');
  io.out(programHelp[verb]);
  return 0;
}
