/**
 * Changes of one service that are not a deploy: one POST, its answer printed, and where it began a rollout that is
 * followed as `orca deploy` follows one.
 */
import { cleaned } from './clean.js';
import { type Context, servicePath } from './context.js';
import { timeoutOf, waitForRollouts } from './wait.js';

interface ChangeReply {
  ok?: string;
  /** Of a rollout that was begun. */
  rollout?: string | { id: string } | null;
  rollout_id?: string | null;
}

/** POSTs to `/services/{name}/{verb}`. Commands that have `--detach` follow the rollout. */
export async function changeService(
  context: Context,
  verb: string,
  body: Record<string, unknown> = {},
): Promise<number> {
  timeoutOf(context);
  const client = await context.connect();
  const reply = await client.post<ChangeReply>(`${servicePath(context)}/${verb}`, body);
  const id = rolloutOf(reply);
  const follows =
    id !== null && (verb === 'rollback' || verb === 'redeploy') && context.options.detach !== true;
  if (!context.json) context.output.line(cleaned(reply).ok ?? 'done');
  const waited = follows ? await waitForRollouts(context, client, [id]) : { exit: 0, rollouts: [] };
  if (context.json) context.output.json(follows ? { ...reply, results: waited.rollouts } : reply);
  return waited.exit;
}

function rolloutOf(reply: ChangeReply): string | null {
  if (typeof reply.rollout === 'object') return reply.rollout?.id ?? null;
  return reply.rollout ?? reply.rollout_id ?? null;
}
