/** How a command stands in the table of them. */
import type { Command } from './context.js';

export interface Verb {
  /** Name and arguments as commander takes them: `<x>` required, `[x]` optional, `[x...]` any number. */
  usage: string;
  summary: string;
  options?: [flags: string, summary: string][];
  load(): Promise<Command>;
}

export const json: [string, string] = ['--json', "print the API's JSON"];
