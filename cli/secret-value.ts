/** Where the value of `orca secrets set` comes from: the argument, a file, or standard input; on a terminal it is not shown. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { MAX_SECRET_BYTES } from '../shared/api-secrets.js';
import { messageOf, OrcaError } from '../shared/errors.js';
import { type Context, optionText } from './context.js';

/** A file is taken as it is; of standard input the line end that `echo` writes is left away. */
export async function readValue(context: Context): Promise<string> {
  const { args, options, output, io } = context;
  const [, key, given] = args;
  const file = optionText(options, 'file');
  if (given !== undefined && file !== undefined)
    throw new OrcaError('USAGE', 'give the value as an argument or with --file, not both');
  if (given !== undefined) {
    output.note(
      `warning: a value on the command line is seen by everybody on this host while it runs, and stays in the shell's history; \`orca secrets set ${key} < FILE\` shows it to nobody`,
    );
    return given;
  }
  if (file !== undefined) return readText(context, file, MAX_SECRET_BYTES);
  return (await io.readSecret(`value of ${key}: `)).replace(/\r?\n$/, '');
}

/** Throws USAGE for what is no file, or too large for what it is. */
export function readText({ io }: Context, given: string, maxBytes: number): string {
  const path = resolve(io.cwd, given);
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Error('it is a folder');
    if (stat.size > maxBytes) throw new Error(`it has more than ${maxBytes / 1024} KiB`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new OrcaError('USAGE', `${path} can't be read: ${messageOf(cause)}`, {
      cause,
      hint: 'Name a file that you can read; nothing was changed.',
    });
  }
}
