/**
 * Changes of one service that are not a deploy: one POST, its answer printed, and where it began a rollout that is
 * followed as `orca deploy` follows one. With `--dry-run` only the plan is asked for and printed.
 */
import type { PlanReply } from '../shared/api.js';
import { cleaned } from './clean.js';
import { type Context, servicePath } from './context.js';
import type { Ends } from './ends.js';
import { printPlan, refusedExit } from './plan-view.js';
import { timeoutOf, waitForRollouts } from './wait.js';

interface ChangeReply {
  ok?: string;
  /** Of a rollout that was begun. */
  rollout?: string | { id: string } | null;
  rollout_id?: string | null;
  /** False: asked for, and not yet what clients get. */
  in_force?: boolean;
}

export interface Change {
  /** The last part of the path, such as `stop`. */
  verb: string;
  body?: Record<string, unknown>;
  /** The service's place among the arguments; the first. */
  at?: number;
  /** Given: the rollout is followed as far as this says, unless `--detach`. */
  ends?: Ends;
}

/** POSTs to `/services/{name}/{verb}`. */
export async function changeService(context: Context, change: Change): Promise<number> {
  timeoutOf(context);
  const path = `${servicePath(context, change.at)}/${change.verb}`;
  if (context.options.dryRun === true) return await dryRun(context, path, change);
  const client = await context.connect();
  const reply = await client.post<ChangeReply>(path, change.body);
  const id = rolloutOf(reply);
  if (!context.json) context.output.line(cleaned(reply).ok ?? 'done');
  const isFollowed = id !== null && change.ends !== undefined && context.options.detach !== true;
  const waited = isFollowed
    ? await waitForRollouts(context, client, [id], change.ends)
    : { exit: reply.in_force === false ? 1 : 0, rollouts: [] };
  if (context.json) context.output.json(isFollowed ? { ...reply, results: waited.rollouts } : reply);
  return waited.exit;
}

async function dryRun(context: Context, path: string, { body }: Change): Promise<number> {
  const client = await context.connect();
  const plan = await client.post<PlanReply>(path, body, { dry_run: true });
  if (context.json) context.output.json(plan);
  else printPlan(context.output, cleaned(plan));
  return refusedExit(plan);
}

function rolloutOf(reply: ChangeReply): string | null {
  if (typeof reply.rollout === 'object') return reply.rollout?.id ?? null;
  return reply.rollout ?? reply.rollout_id ?? null;
}
