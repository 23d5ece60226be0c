/**
 * `orca deploy`: files → plan → rollouts, followed to their end. It changes nothing when a file is wrong, and never
 * cancels what it began: `--detach`, `--timeout` and Ctrl-C only stop the watching.
 */
import type { DeployReply, PlanReply } from '../../shared/api.js';
import { knownCode, OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import type { Context } from '../context.js';
import { loadServices } from '../load.js';
import { printPlan, refusedExit } from '../plan-view.js';
import { timeoutOf, waitForRollouts } from '../wait.js';

export async function deploy(context: Context): Promise<number> {
  timeoutOf(context);
  const services = await loadServices(context);
  const client = await context.connect();
  const plan = await client.post<PlanReply>('/plan', { services });
  const isLast = context.options.dryRun === true || refusedExit(plan) !== 0;
  if (isLast && context.json) context.output.json(plan);
  if (!context.json) printPlan(context.output, cleaned(plan));
  if (isLast) return refusedExit(plan);
  const reply = await client.post<DeployReply>('/deploy', { services });
  return await follow(context, reply, async (ids) => waitForRollouts(context, client, ids));
}

async function follow(
  context: Context,
  reply: DeployReply,
  wait: (ids: string[]) => ReturnType<typeof waitForRollouts>,
): Promise<number> {
  if (!context.json) printReply(context, cleaned(reply));
  const ids = reply.rollouts.flatMap(({ id }) => (id === null ? [] : [id]));
  const waited =
    ids.length === 0 || context.options.detach === true ? { exit: 0, rollouts: [] } : await wait(ids);
  if (context.json) context.output.json({ ...reply, results: waited.rollouts });
  return waited.exit === 0 ? errorsExit(reply) : waited.exit;
}

function printReply({ output, options }: Context, reply: DeployReply): void {
  const { colors } = output;
  for (const error of reply.errors) output.error(errorOf(error));
  for (const note of reply.notes ?? []) output.note(note);
  for (const { service, id, change } of reply.rollouts) {
    if (id === null) output.line(`${colors.green('ok')} ${service}: ${change}`);
    else if (options.detach === true)
      output.line(`${service}: rollout ${id} is under way; follow with \`orca status --watch\``);
  }
}

/** The greatest matters least: bad config (2) before not allowed (4) before a plain failure. */
function errorsExit(reply: DeployReply): number {
  if (reply.errors.length === 0) return 0;
  const exits = reply.errors.map((error) => errorOf(error).exit);
  return exits.every((exit) => exit === exits[0]) ? (exits[0] ?? 1) : 1;
}

function errorOf({ service, error, code, hint }: DeployReply['errors'][number]): OrcaError {
  const message = service === '' ? error : `${service}: ${error}`;
  return new OrcaError(knownCode(code) ?? 'ROLLOUT_FAILED', message, { hint });
}
