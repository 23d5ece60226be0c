/** PURE: what is said when a rollout has ended, and what it means for the exit code. */
import type { RolloutFrame } from '../shared/api.js';
import { formatDuration } from '../shared/duration.js';
import { errorTable } from '../shared/errors.js';
import type { Colors } from './output.js';
import { serviceName } from './progress.js';

export interface Verdict {
  ok: boolean;
  lines: string[];
}

/** How many of the last log lines are shown; the master keeps 20. */
const LOG_LINES = 20;

export function verdictOf(frame: RolloutFrame, colors: Colors): Verdict {
  const name = serviceName(frame.rollout.service);
  switch (frame.rollout.state) {
    case 'succeeded':
      return { ok: true, lines: [success(frame, name, colors)] };
    case 'superseded':
      return {
        ok: false,
        lines: [
          `${colors.yellow('superseded')} ${name}: ${frame.rollout.reason ?? 'a newer change took its place'}`,
        ],
      };
    case 'failed':
      return { ok: false, lines: failure(frame, name, colors) };
    case 'preparing':
    case 'pre_deploy':
    case 'canary':
    case 'promoting':
    case 'rolling':
    case 'rolling_back':
      return { ok: false, lines: [`${name}: ${frame.rollout.state}`] };
  }
}

function success({ rollout, service }: RolloutFrame, name: string, colors: Colors): string {
  if (rollout.release === null) {
    const runs = service?.release ?? rollout.from;
    return `${colors.green('ok')} ${name}: no change${runs === null ? '' : ` (${runs} already runs)`}`;
  }
  const ready = service === null ? '' : ` (${service.running_replicas}/${service.replicas} ready)`;
  const took =
    rollout.ended_at === null
      ? ''
      : ` after ${formatDuration(Date.parse(rollout.ended_at) - Date.parse(rollout.started_at))}`;
  const url = service?.url ? `  ${colors.cyan(service.url)}` : '';
  return `${colors.green('ok')} ${name}: ${rollout.release} runs${ready}${took}${url}`;
}

function failure({ rollout, service }: RolloutFrame, name: string, colors: Colors): string[] {
  const failed = rollout.failure;
  const what = rollout.release === null ? name : `${name} ${rollout.release}`;
  const lines = [
    `${colors.red('failed')} ${what}: ${failed?.message ?? rollout.reason ?? 'no reason was given'}`,
  ];
  if (rollout.reason !== null && failed !== null && !failed.message.includes(rollout.reason))
    lines.push(`  ${rollout.reason}`);
  if (failed !== null && failed.exit_code !== null) lines.push(`  exit code ${failed.exit_code}`);
  if (failed !== null && failed.last_logs.length > 0) {
    lines.push(
      '  its last log lines:',
      ...failed.last_logs.slice(-LOG_LINES).map((line) => colors.dim(`    ${line}`)),
    );
  }
  if (service?.release && !rollout.reason?.includes(service.release))
    lines.push(`  ${service.release} goes on serving`);
  lines.push(`${colors.cyan('hint:')} ${errorTable.ROLLOUT_FAILED.hint.replaceAll('SERVICE', name)}`);
  return lines;
}
