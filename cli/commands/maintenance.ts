/** `orca maintenance on|off SERVICE [--message TEXT]`: answers 503 with a page; the containers stay as they are. */
import { OrcaError } from '../../shared/errors.js';
import { changeService } from '../change.js';
import { type Context, optionText } from '../context.js';

export async function maintenance(context: Context): Promise<number> {
  const [action] = context.args;
  const message = optionText(context.options, 'message');
  if (action !== 'on' && action !== 'off') {
    throw new OrcaError('USAGE', `there is no "orca maintenance ${action}"; there are on and off`);
  }
  if (action === 'off' && message !== undefined) {
    throw new OrcaError('USAGE', '--message goes with `orca maintenance on`');
  }
  const body = { on: action === 'on', ...(message === undefined ? {} : { message }) };
  return await changeService(context, { verb: 'maintenance', body, at: 1 });
}
