/** `orca rebalance SERVICE`: spreads its copies over the nodes evenly again, start-first, one after the other. */
import type { ServiceStatus, StatusReply } from '../../shared/api.js';
import type { RebalanceReply } from '../../shared/api-nodes.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import type { Client } from '../client.js';
import { type Context, servicePath } from '../context.js';
import { timeoutOf } from '../wait.js';
import { watchUntilDone } from '../watch.js';

export async function rebalance(context: Context): Promise<number> {
  timeoutOf(context);
  const client = await context.connect();
  const isDry = context.options.dryRun === true;
  const reply = await client.post<RebalanceReply>(`${servicePath(context)}/rebalance`, { dry_run: isDry });
  if (!context.json) show(context, cleaned(reply));
  const isOver = isDry || context.options.detach === true;
  const exit = isOver ? 0 : await waited(context, client, reply);
  if (context.json) context.output.json(reply);
  return exit;
}

function show({ output }: Context, { ok, moves }: RebalanceReply): void {
  output.line(ok);
  for (const { allocation, from, to } of moves) output.line(`  ${allocation}  ${from} → ${to}`);
}

/** Until those that were to move have gone. */
async function waited(context: Context, client: Client, { moves }: RebalanceReply): Promise<number> {
  const ids = new Set(moves.map(({ allocation }) => allocation));
  if (ids.size === 0) return 0;
  const name = cleaned({ name: context.args[0] ?? '' }).name;
  return await watchUntilDone(context, `the rebalance of ${name}`, async () => {
    const service = serviceOf(await client.get<StatusReply>('/status'), ids, context);
    const left = service.allocations.filter(({ id }) => ids.has(id));
    const reason = cleaned({ reason: service.reason ?? '' }).reason;
    const lines = [
      `${name}  ${left.length} of ${ids.size} still to move${reason === '' ? '' : `  ${reason}`}`,
    ];
    return { lines: left.length === 0 ? null : lines };
  });
}

function serviceOf({ services }: StatusReply, ids: Set<string>, { args }: Context): ServiceStatus {
  const wanted = args[0] ?? '';
  const found =
    services.find(({ allocations }) => allocations.some(({ id }) => ids.has(id))) ??
    services.find(({ name, project }) => [name, `${project}/${name}`].includes(wanted));
  if (found) return found;
  throw new OrcaError('SERVICE_NOT_FOUND', `${wanted} was removed meanwhile`);
}
