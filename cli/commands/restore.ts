/** `orca restore FILE`: makes a home on this host what a backup says. Nothing is touched before all of it was checked. */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { OrcaError } from '../../shared/errors.js';
import { backupParts } from '../backups.js';
import { type Context, optionText } from '../context.js';
import { homeOf } from '../home.js';

export async function restore(context: Context): Promise<number> {
  const { io, output, options } = context;
  const path = resolve(io.cwd, context.args[0] ?? '');
  if (!existsSync(path) || !statSync(path).isFile())
    throw new OrcaError('USAGE', `there is no file ${path}`, {
      hint: 'Name the file that `orca backup` wrote.',
    });
  const home = resolve(io.cwd, optionText(options, 'home') ?? homeOf(io.env));
  const { restoreHome } = await backupParts();
  const { head, before } = await restoreHome({
    home,
    source: createReadStream(path),
    force: options.force === true,
  });
  if (context.json) {
    output.json({ home, before, ...head });
    return 0;
  }
  output.line(`${home} is ${head.cluster_name} as of ${head.created_at} (Orca ${head.version})`);
  if (before !== null) output.note(`what was there is kept in ${before}`);
  output.note(`next: orca server --home ${home}`);
  output.note('a node that has moved on since is held, and nothing is stopped there: see `orca adopt`');
  return 0;
}
