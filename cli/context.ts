/** What a command is given. It answers with its exit code, and throws OrcaError for what went wrong. */
import type { Client } from './client.js';
import type { Io } from './io.js';
import type { Output } from './output.js';

export type Options = Readonly<Record<string, unknown>>;

export interface Context {
  io: Io;
  output: Output;
  /** Positional arguments in the order of the usage line. */
  args: string[];
  options: Options;
  /** True with `--json`. */
  json: boolean;
  connect(): Promise<Client>;
}

export type Command = (context: Context) => Promise<number>;

/** An option's text, or undefined when it was not given. */
export function optionText(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** The service that the arguments name (the first of them, or the one at `at`) as the API's paths take it: `project/name` in
 *  one segment when a project is given. */
export function servicePath(context: Context, at = 0): string {
  const name = context.args[at] ?? '';
  const project = optionText(context.options, 'project');
  return `/services/${encodeURIComponent(project === undefined || name.includes('/') ? name : `${project}/${name}`)}`;
}
