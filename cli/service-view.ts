/** All that the status says of one service: its groups and their traffic, what is under way, what failed, every copy. */
import type { ServiceStatus } from '../shared/api.js';
import { shareText, trafficText, verdictText, weightText } from './canary-view.js';
import { outcomeOf } from './ends.js';
import type { Output } from './output.js';
import { allocationText, shortId } from './progress.js';
import { pendingText, previewText, reasonText, statusText } from './status-text.js';
import { localTime, since } from './time.js';

/** `service` is cleaned already. */
export function printService(output: Output, service: ServiceStatus, nowMs: number): void {
  const { colors, line } = output;
  const name = colors.bold(`${service.project}/${service.name}`);
  line(`${name}  ${statusText(service.status, colors)}  ${reasonText(service, nowMs)}`.trimEnd());
  row(output, 'image', service.image);
  row(output, 'release', service.release ?? '–');
  row(output, 'ready', `${service.running_replicas}/${service.replicas}`);
  if (service.url !== null) row(output, 'url', service.url);
  if (service.domains.length > 1) row(output, 'domains', service.domains.join(', '));
  const preview = previewText(service);
  if (preview !== null) row(output, 'preview', preview);
  printHeld(output, service, nowMs);
  printGroups(output, service);
  printRollout(output, service);
  printFailure(output, service);
  for (const one of service.pending ?? []) row(output, one.kind, pendingText(one));
  if (service.allocations.length > 0) printAllocations(output, service, nowMs);
  if (service.observed_at !== null) line(colors.dim(`  observed ${localTime(service.observed_at)}`));
}

function row({ line }: Output, name: string, text: string, paint = (label: string) => label): void {
  line(`  ${paint(name)}${' '.repeat(Math.max(0, 9 - name.length))} ${text}`);
}

function printHeld(output: Output, { maintenance, rollout }: ServiceStatus, nowMs: number): void {
  if (maintenance !== null) {
    const { message, by, since: at } = maintenance;
    row(output, 'held', `maintenance by ${by} for ${since(at, nowMs)}: ${message}`, output.colors.yellow);
  }
  if (rollout !== null && rollout.paused !== null && rollout.ended_at === null) {
    const { by, at } = rollout.paused;
    row(output, 'held', `rollout ${rollout.id} by ${by} for ${since(at, nowMs)}`, output.colors.yellow);
  }
}

function printGroups(output: Output, { groups }: ServiceStatus): void {
  for (const name of ['stable', 'canary'] as const) {
    const group = groups[name];
    if (group === null) continue;
    const { release, ready, wanted, traffic } = group;
    // One reason holds for both, and stands where both are seen: at the canary.
    const share = shareText(group, name === 'canary' || groups.canary === null);
    row(output, name, `${release}, weight ${share}, ready ${ready}/${wanted}`);
    if (traffic !== null) row(output, '', trafficText(traffic));
  }
}

function printRollout(output: Output, { name, rollout, groups }: ServiceStatus): void {
  if (rollout === null) return;
  row(
    output,
    'rollout',
    [`${rollout.id} ${rollout.state}`, outcomeOf(rollout)].filter((part) => part !== null).join(': '),
  );
  const { canary } = rollout;
  if (canary === null) return;
  const next = canary.waits_for_promote ? `; waits for \`orca promote ${name}\`` : '';
  if (rollout.ended_at === null) row(output, 'step', `${weightText(canary, groups.canary)}${next}`);
  const last = canary.verdicts.at(-1);
  if (last) row(output, 'verdict', verdictText(last, output.colors));
}

/** What failed last; while a rollout is under way only what failed of that one. */
function printFailure({ line, colors }: Output, { rollout, last_failure }: ServiceStatus): void {
  const failed = rollout !== null && rollout.ended_at === null ? rollout.failure : last_failure;
  if (failed === null) return;
  line(`  ${colors.red('failed')}    ${failed.message} (${localTime(failed.observed_at)})`);
  for (const text of failed.last_logs) line(colors.dim(`            ${text}`));
}

function printAllocations(output: Output, service: ServiceStatus, nowMs: number): void {
  output.line();
  output.table(
    ['ALLOCATION', 'RELEASE', 'GROUP', 'NODE', 'SINCE', 'RESTARTS', 'STATE'],
    service.allocations.map((one) => [
      shortId(one.id),
      one.release,
      one.group,
      one.node,
      since(one.since, nowMs),
      String(one.restarts),
      allocationText(one, service.domains.length > 0, output.colors),
    ]),
  );
}
