/** `orca builds [SERVICE]`: what was built and is being built; `logs ID [-f]` prints what one said, `cancel ID` gives one up. */
import type { BuildLine, BuildsReply, BuildView } from '../../shared/api-builds.js';
import { OrcaError } from '../../shared/errors.js';
import { buildTable } from '../build-table.js';
import { cleaned } from '../clean.js';
import { type Context, optionText } from '../context.js';

export async function builds(context: Context): Promise<number> {
  const [first, id, ...more] = context.args;
  if (more.length > 0) throw new OrcaError('USAGE', `orca builds takes no "${more[0]}"`);
  if (first === 'logs' || first === 'cancel') {
    if (id === undefined) throw new OrcaError('USAGE', `say which: orca builds ${first} BUILD`);
    return first === 'logs' ? await logs(context, id) : await cancel(context, id);
  }
  if (id !== undefined)
    throw new OrcaError('USAGE', `there is no "orca builds ${first}"; there are logs BUILD and cancel BUILD`);
  return await list(context, first);
}

async function list(context: Context, service: string | undefined): Promise<number> {
  const client = await context.connect();
  const project = optionText(context.options, 'project');
  const reply = await client.get<BuildsReply>('/builds', { service, project });
  if (context.json) context.output.json(reply);
  else if (reply.builds.length === 0)
    context.output.line('nothing was built yet; a service with [service.build] is built when it is deployed');
  else buildTable(context.output, cleaned(reply).builds, Date.now());
  return 0;
}

/** With -f to its end: 0 when it was built, 1 when it was not. */
async function logs(context: Context, id: string): Promise<number> {
  const client = await context.connect();
  const path = `/builds/${encodeURIComponent(id)}`;
  const follow = context.options.follow === true;
  const stop = new AbortController();
  const undo = context.io.onInterrupt(() => stop.abort());
  try {
    for await (const line of client.lines<BuildLine>(
      `${path}/logs`,
      { follow: follow || undefined },
      stop.signal,
    ))
      if (context.json) context.output.jsonLine(line);
      else context.output.line(cleaned(line).text);
  } finally {
    undo();
  }
  if (!follow || stop.signal.aborted) return 0;
  const { state } = await client.get<BuildView>(path);
  return state === 'failed' || state === 'cancelled' ? 1 : 0;
}

async function cancel(context: Context, id: string): Promise<number> {
  const client = await context.connect();
  const reply = await client.post<{ ok: string }>(`/builds/${encodeURIComponent(id)}/cancel`);
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok);
  return 0;
}
