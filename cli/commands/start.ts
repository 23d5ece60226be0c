/** `orca start SERVICE`: what `orca stop` stopped runs again, at its last release. */
import { changeService } from '../change.js';
import type { Context } from '../context.js';

export async function start(context: Context): Promise<number> {
  return await changeService(context, { verb: 'start' });
}
