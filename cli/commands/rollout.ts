/** `orca rollout pause|resume SERVICE`: holds what is under way where it stands, and lets it go on. */
import { OrcaError } from '../../shared/errors.js';
import { changeService } from '../change.js';
import type { Context } from '../context.js';

export async function rollout(context: Context): Promise<number> {
  const [verb] = context.args;
  if (verb !== 'pause' && verb !== 'resume') {
    throw new OrcaError('USAGE', `there is no "orca rollout ${verb}"; there are pause and resume`);
  }
  return await changeService(context, { verb, at: 1 });
}
