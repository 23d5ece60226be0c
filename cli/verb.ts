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
export const project: [string, string] = [
  '--project <project>',
  'the project, when two have a service of this name',
];
export const dryRun: [string, string] = ['--dry-run', 'show the plan and stop'];
