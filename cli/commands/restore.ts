/** `orca restore FILE`: makes a home on this host what a backup says. Nothing is touched before all of it was checked. */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { OrcaError } from '../../shared/errors.js';
import { backupParts } from '../backups.js';
import { cleaned } from '../clean.js';
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
  const { head, before, credentials } = await restoreHome({
    home,
    source: createReadStream(path),
    force: options.force === true,
    revokeTokens: options['revoke-tokens'] === true,
  });
  if (context.json) {
    output.json({ home, before, ...head, credentials });
    return 0;
  }
  output.line(`${home} is ${head.cluster_name} as of ${head.created_at} (Orca ${head.version})`);
  if (before !== null) output.note(`what was there is kept in ${before}`);
  const back = [
    ...several('token', credentials.tokens),
    ...several('join token', credentials.joinTokens),
    ...several('webhook', credentials.webhooks),
  ];
  if (back.length > 0)
    output.note(
      `good again, also what was revoked or replaced since the backup: ${cleaned(back).join('; ')}. Revoke what should not be (restore --revoke-tokens: all but webhooks)`,
    );
  output.note(`next: orca server --home ${home}`);
  output.note('a node that has moved on since is held, and nothing is stopped there: see `orca adopt`');
  return 0;
}

const several = (what: string, names: readonly string[]): string[] =>
  names.length === 0 ? [] : [`the ${what}${names.length === 1 ? '' : 's'} ${names.join(', ')}`];
