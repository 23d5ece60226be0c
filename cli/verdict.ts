/** PURE: what is said when a rollout has come as far as it was waited for. */
import type { RolloutFrame } from '../shared/api.js';
import { formatDuration } from '../shared/duration.js';
import { errorTable } from '../shared/errors.js';
import { standsText, verdictText } from './canary-view.js';
import { outcomeOf, reasonOf, wasTakenBack } from './ends.js';
import type { Colors } from './output.js';
import { serviceName } from './progress.js';

/** How many of the last log lines are shown; the master keeps 20. */
const LOG_LINES = 20;

/** The lines for a frame that nothing more is waited for. */
export function verdictOf(frame: RolloutFrame, colors: Colors): string[] {
  const name = serviceName(frame.rollout.service);
  switch (frame.rollout.state) {
    case 'succeeded':
      return [success(frame, name, colors)];
    case 'superseded':
      return [wasTakenBack(frame) ? takenBack(frame, name, colors) : superseded(frame, name, colors)];
    case 'failed':
      return wasTakenBack(frame) ? [takenBack(frame, name, colors)] : failure(frame, name, colors);
    case 'canary':
      return [`${colors.green('ok')} ${standsText(name, frame)}`];
    case 'preparing':
    case 'pre_deploy':
    case 'promoting':
    case 'rolling':
    case 'rolling_back':
      return [`${name}: ${frame.rollout.state}`];
  }
}

function superseded({ rollout }: RolloutFrame, name: string, colors: Colors): string {
  const by = reasonOf(rollout) ?? 'a newer change took its place';
  return `${colors.yellow('superseded')} ${name}: ${by}`;
}

function success({ rollout, service }: RolloutFrame, name: string, colors: Colors): string {
  if (rollout.release === null) {
    const runs = service?.release ?? rollout.from;
    return `${colors.green('ok')} ${name}: no change${runs === null ? '' : ` (${runs} already runs)`}`;
  }
  const ready = service === null ? '' : ` (${service.running_replicas}/${service.replicas} ready)`;
  // A canary may have stood for days before somebody said so.
  const from = rollout.acts.findLast(({ verb }) => verb === 'promote')?.at ?? rollout.started_at;
  const took =
    rollout.ended_at === null
      ? ''
      : ` after ${formatDuration(Date.parse(rollout.ended_at) - Date.parse(from))}`;
  const url = service?.url ? `  ${colors.cyan(service.url)}` : '';
  return `${colors.green('ok')} ${name}: ${rollout.release} runs${ready}${took}${url}`;
}

function takenBack({ rollout, service }: RolloutFrame, name: string, colors: Colors): string {
  const serves = service?.release ?? rollout.from;
  return `${colors.yellow('taken back')} ${name} ${rollout.release ?? ''}${serves === null ? '' : `: ${serves} serves`}`;
}

function failure(frame: RolloutFrame, name: string, colors: Colors): string[] {
  const { rollout, service } = frame;
  const failed = rollout.failure;
  const what = rollout.release === null ? name : `${name} ${rollout.release}`;
  const lines = [
    `${colors.red('failed')} ${what}: ${failed?.message ?? rollout.reason ?? 'no reason was given'}`,
  ];
  const outcome = outcomeOf(rollout);
  if (outcome !== null && failed !== null && !failed.message.includes(outcome)) lines.push(`  ${outcome}`);
  if (failed !== null && failed.exit_code !== null) lines.push(`  exit code ${failed.exit_code}`);
  const judged = rollout.canary?.verdicts.at(-1);
  if (judged?.result === 'failed') lines.push(`  ${verdictText(judged, colors)}`);
  const logs = lastLogs(frame);
  if (logs.length > 0) {
    lines.push('  its last log lines:', ...logs.slice(-LOG_LINES).map((line) => colors.dim(`    ${line}`)));
  }
  if (service?.release && service.status !== 'stopped' && !rollout.reason?.includes(service.release))
    lines.push(`  ${service.release} goes on serving`);
  const hint =
    logs.length > 0
      ? errorTable.ROLLOUT_FAILED.hint.replaceAll('SERVICE', name)
      : `See \`orca status ${name}\`, and \`orca history ${name}\` for what came before.`;
  lines.push(`${colors.cyan('hint:')} ${hint}`);
  return lines;
}

/** Of what failed; a job that failed keeps its own. */
function lastLogs({ rollout, service }: RolloutFrame): string[] {
  const logs = rollout.failure?.last_logs ?? [];
  if (logs.length > 0) return logs;
  const job = service?.allocations.find((one) => one.group === 'job' && one.last_logs.length > 0);
  return job && job.exit_code !== 0 && job.release === rollout.release ? job.last_logs : [];
}
