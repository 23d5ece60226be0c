/** `orca reload`: the master reads cluster.toml again; a bad file is refused and the running configuration stays. */
import { cleaned } from '../clean.js';
import type { Context } from '../context.js';

export async function reload(context: Context): Promise<number> {
  const client = await context.connect();
  const reply = await client.post<{ ok?: string }>('/reload');
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok ?? 'reloaded');
  return 0;
}
