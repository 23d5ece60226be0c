/** How a plan looks: a line a service, what changes below it, then the order in which it happens. */
import type { PlanReply } from '../shared/api.js';
import type { Output } from './output.js';

type Planned = PlanReply['services'][number];

export function printPlan(output: Output, plan: PlanReply): void {
  for (const planned of plan.services) printOne(output, planned);
}

/** 2 when the master refuses one of them: something in the configuration must change. */
export function refusedExit(plan: PlanReply): number {
  return plan.services.some((planned) => planned.action === 'refused') ? 2 : 0;
}

function printOne({ line, colors }: Output, planned: Planned): void {
  const look: Record<Planned['action'], string> = {
    create: colors.green('+ create '),
    roll: colors.yellow('~ roll   '),
    update: colors.yellow('~ update '),
    none: colors.dim('= same   '),
    refused: colors.red('! refused'),
  };
  line(
    `${look[planned.action]} ${colors.bold(planned.service)}${planned.error === null ? '' : `: ${planned.error}`}`,
  );
  for (const change of planned.changes) line(`    ${change}`);
  for (const step of planned.steps) line(colors.dim(`    ${step}`));
}
