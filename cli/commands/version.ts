/** `orca version`: of this program; the master's is in `orca status`. */
import type { Context } from '../context.js';
import { version } from '../version.js';

export async function versionCommand({ json, output }: Context): Promise<number> {
  if (json) output.json({ version: version(), node: process.version });
  else output.line(`orca ${version()} (Node.js ${process.version})`);
  return 0;
}
