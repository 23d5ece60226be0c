/** How a plan looks: a line a service, what changes below it, then the order in which it happens. What is refused is an
 *  error, and is printed as one. */
import type { PlanReply } from '../shared/api.js';
import { knownCode, OrcaError } from '../shared/errors.js';
import type { Output } from './output.js';

type Planned = PlanReply['services'][number];

export function printPlan(output: Output, plan: PlanReply): void {
  for (const planned of plan.services) {
    if (planned.action === 'refused') output.error(errorOf(planned));
    else printOne(output, planned, planned.action);
  }
}

/** The exit code of the first service that the master refuses; 0 when it takes all of them. */
export function refusedExit(plan: PlanReply): number {
  const refused = plan.services.find((planned) => planned.action === 'refused');
  return refused === undefined ? 0 : errorOf(refused).exit;
}

type Taken = Exclude<Planned['action'], 'refused'>;

function printOne({ line, colors }: Output, planned: Planned, action: Taken): void {
  const look: Record<Taken, string> = {
    create: colors.green('+ create '),
    roll: colors.yellow('~ roll   '),
    update: colors.yellow('~ update '),
    none: colors.dim('= same   '),
  };
  line(`${look[action]} ${colors.bold(planned.service)}`);
  for (const change of planned.changes) line(`    ${change}`);
  for (const step of planned.steps) line(colors.dim(`    ${step}`));
}

function errorOf({ service, error, code, hint }: Planned): OrcaError {
  const message = error === null || error.includes(service) ? (error ?? service) : `${service}: ${error}`;
  return new OrcaError(knownCode(code) ?? 'CONFLICT', message, hint === null ? {} : { hint });
}
