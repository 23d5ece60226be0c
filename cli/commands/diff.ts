/** `orca diff`: what `orca deploy` would change. It changes nothing. */
import type { PlanReply } from '../../shared/api.js';
import { cleaned } from '../clean.js';
import type { Context } from '../context.js';
import { loadServices } from '../load.js';
import { printPlan, refusedExit } from '../plan-view.js';

export async function diff(context: Context): Promise<number> {
  const services = await loadServices(context);
  const client = await context.connect();
  const plan = await client.post<PlanReply>('/plan', { services });
  if (context.json) context.output.json(plan);
  else printPlan(context.output, cleaned(plan));
  return refusedExit(plan);
}
