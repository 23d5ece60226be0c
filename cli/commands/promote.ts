/** `orca promote SERVICE [--weight N]`: the canary becomes the stable release, or gets more of the traffic. */

import { OrcaError } from '../../shared/errors.js';
import { changeService } from '../change.js';
import { type Context, optionText } from '../context.js';

export async function promote(context: Context): Promise<number> {
  const weight = optionText(context.options, 'weight');
  if (weight === undefined) return await changeService(context, 'promote');
  if (!/^\d+(\.\d+)?$/.test(weight) || Number(weight) > 100) {
    throw new OrcaError('USAGE', `--weight must be a number from 0 to 100; it is ${JSON.stringify(weight)}`);
  }
  return await changeService(context, 'promote', { weight: Number(weight) });
}
