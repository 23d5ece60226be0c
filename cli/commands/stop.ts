/** `orca stop SERVICE`: no copies, also after a restart of everything; the configuration stays. */
import { changeService } from '../change.js';
import type { Context } from '../context.js';

export async function stop(context: Context): Promise<number> {
  return await changeService(context, { verb: 'stop' });
}
