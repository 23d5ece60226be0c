/** `orca rollback SERVICE [--to v3]`: takes a canary away; without one, a rollout to a stored release, with the image that
 *  it had then. */
import { OrcaError } from '../../shared/errors.js';
import { changeService } from '../change.js';
import { type Context, optionText } from '../context.js';
import { rollbackEnds } from '../ends.js';

export async function rollback(context: Context): Promise<number> {
  const to = optionText(context.options, 'to');
  if (to !== undefined && !/^v?[1-9]\d*$/.test(to)) {
    throw new OrcaError('USAGE', `--to must be a release such as v3; it is ${JSON.stringify(to)}`);
  }
  const body = to === undefined ? {} : { to: `v${to.replace(/^v/, '')}` };
  return await changeService(context, { verb: 'rollback', body, ends: rollbackEnds });
}
