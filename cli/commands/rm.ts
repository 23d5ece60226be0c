/** `orca rm SERVICE`: stops it and forgets it, releases and all. Volumes of the user stay. */
import { cleaned } from '../clean.js';
import { type Context, servicePath } from '../context.js';

export async function rm(context: Context): Promise<number> {
  const client = await context.connect();
  const reply = await client.delete<{ ok?: string }>(servicePath(context), { purge: true });
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok ?? 'removed');
  return 0;
}
