/** `orca redeploy SERVICE`: pulls the image again and replaces every copy, in the order of any rollout. */
import { changeService } from '../change.js';
import type { Context } from '../context.js';
import { deployEnds } from '../ends.js';

export async function redeploy(context: Context): Promise<number> {
  return await changeService(context, { verb: 'redeploy', ends: deployEnds });
}
