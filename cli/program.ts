/** The command line: commander over the table of `verbs`. Wrong usage is exit code 2, help is 0. */
import { Command as Commander, CommanderError, Option } from 'commander';
import { OrcaError } from '../shared/errors.js';
import { clean } from './clean.js';
import type { Client } from './client.js';
import { type Context, type Options, optionText } from './context.js';
import { inOptions } from './in-options.js';
import type { Io } from './io.js';
import { createOutput } from './output.js';
import type { Verb } from './verb.js';
import { verbs } from './verbs.js';
import { version } from './version.js';

/** Runs a command line; the answer is its exit code. Throws what the command throws. */
export async function runProgramLine(argv: string[], io: Io): Promise<number> {
  let exit = 0;
  const program = buildProgram(io, (code) => {
    exit = code;
  });
  try {
    await program.parseAsync(argv.length === 0 ? ['--help'] : argv, { from: 'user' });
    return exit;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 || error.code === 'commander.help' ? 0 : 2;
  }
}

function buildProgram(io: Io, setExit: (code: number) => void): Commander {
  const program = new Commander('orca')
    .description('Runs containers on your own hosts, without losing a request.')
    .version(version(), '-V, --version', 'print the version')
    .showHelpAfterError('hint: See `orca help` for the commands and their options.')
    .configureOutput({ writeOut: (text) => io.out(clean(text)), writeErr: (text) => io.err(clean(text)) })
    .exitOverride();
  addClientOptions(program);
  for (const verb of verbs) addVerb(program, verb, io, setExit);
  return program;
}

function addVerb(program: Commander, verb: Verb, io: Io, setExit: (code: number) => void): void {
  const command = program.command(verb.usage).summary(verb.summary).description(verb.summary);
  for (const [flags, summary] of verb.options ?? []) command.option(flags, summary);
  addClientOptions(command);
  command.action(async () => {
    const run = await verb.load();
    const context = contextOf(io, command.args, command.optsWithGlobals());
    setExit(
      await run(context).catch((error: unknown) => {
        const isNotOurs = error instanceof TypeError && context.url() !== null;
        throw isNotOurs ? notOurs(context.url(), error) : inOptions(error, verb);
      }),
    );
  });
}

/** Before or after the verb, as people write them. */
function addClientOptions(command: Commander): void {
  command.addOption(new Option('--api <url>', "the master's address (ORCA_API)"));
  command.addOption(new Option('--token <token>', 'the token (ORCA_TOKEN)'));
}

/** A field that is not there: who answered is no Orca, or one of another time. */
const notOurs = (url: string | null, cause: TypeError): OrcaError =>
  new OrcaError('MASTER_UNREACHABLE', `${url} answered what this command can't read`, {
    cause,
    hint: "Is it Orca's API, and of the version of this CLI? ORCA_DEBUG=1 shows where it did not fit.",
  });

function contextOf(io: Io, args: string[], options: Options): Context & { url(): string | null } {
  let client: Client | null = null;
  return {
    io,
    output: createOutput(io),
    args,
    options,
    json: options.json === true,
    url: () => client?.url ?? null,
    async connect() {
      const { createClient } = await import('./client.js');
      client ??= createClient(io, { api: optionText(options, 'api'), token: optionText(options, 'token') });
      return client;
    },
  };
}
