/** `orca promote SERVICE [--weight N]`: the canary becomes the stable release, or only gets another share of the traffic. */
import { OrcaError } from '../../shared/errors.js';
import { changeService } from '../change.js';
import { type Context, optionText } from '../context.js';
import { promoteEnds, weightEnds } from '../ends.js';

export async function promote(context: Context): Promise<number> {
  const text = optionText(context.options, 'weight');
  if (text === undefined) return await changeService(context, { verb: 'promote', ends: promoteEnds });
  if (!/^(0|[1-9]\d?|100)$/.test(text)) {
    throw new OrcaError(
      'USAGE',
      `--weight must be a whole number from 0 to 100; it is ${JSON.stringify(text)}`,
    );
  }
  const weight = Number(text);
  return await changeService(context, { verb: 'promote', body: { weight }, ends: weightEnds(weight) });
}
