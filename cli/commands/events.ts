/** `orca events [-f]`: what happened, oldest first. Following survives a restart of the master without repeating lines. */
import type { ApiEvent } from '../../shared/api.js';
import { oneLine } from '../clean.js';
import type { Context } from '../context.js';
import { followLines } from '../follow-lines.js';
import { localTime } from '../time.js';

export async function events(context: Context): Promise<number> {
  const client = await context.connect();
  if (context.options.follow !== true) {
    const reply = await client.get<{ events: ApiEvent[] }>('/events');
    if (context.json) context.output.json(reply);
    else for (const event of reply.events) print(context, event);
    return 0;
  }
  let last = -1;
  return await followLines<ApiEvent>(
    context,
    client,
    '/events',
    () => ({ follow: true }),
    (event) => {
      if (event.number <= last) return;
      last = event.number;
      print(context, event);
    },
  );
}

function print({ json, output }: Context, event: ApiEvent): void {
  if (json) {
    output.jsonLine(event);
    return;
  }
  const { at, kind, service, node, message } = event;
  const told = [kind, service ?? node ?? '', message].map(oneLine).filter((part) => part !== '');
  output.line([output.colors.dim(localTime(at)), ...told].join('  '));
}
