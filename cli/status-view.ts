/** How the status looks: services, then nodes, then certificates that need a word; with a name, all of that service. */
import type { ServiceStatus, StatusReply } from '../shared/api.js';
import { nodeTable } from './node-table.js';
import type { Colors, Output } from './output.js';
import { allocationText, shortId } from './progress.js';
import { localTime, since } from './time.js';

export interface StatusOptions {
  detailed: boolean;
  nowMs: number;
}

/** `reply` is cleaned already. */
export function printStatus(output: Output, reply: StatusReply, options: StatusOptions): void {
  if (options.detailed) {
    for (const service of reply.services) printService(output, service, options.nowMs);
    return;
  }
  if (reply.services.length === 0) output.line('no services yet; `orca deploy` brings the first');
  else output.table(...serviceRows(reply.services, output.colors));
  output.line();
  nodeTable(output, reply.nodes, options.nowMs);
  const certificates = reply.certificates.filter((one) => one.reason !== null);
  for (const one of certificates) output.line(`certificate ${one.name}: ${one.reason}`);
}

function serviceRows(services: ServiceStatus[], colors: Colors): [string[], string[][]] {
  const rows = services.map((service) => [
    service.project,
    service.name,
    statusText(service.status, colors),
    service.release ?? '–',
    `${service.running_replicas}/${service.replicas}`,
    service.image,
    service.url ?? service.domain ?? '–',
    service.reason ?? '',
  ]);
  return [['PROJECT', 'SERVICE', 'STATUS', 'RELEASE', 'READY', 'IMAGE', 'URL', 'REASON'], rows];
}

function printService(output: Output, service: ServiceStatus, nowMs: number): void {
  const { colors, line } = output;
  line(
    `${colors.bold(`${service.project}/${service.name}`)}  ${statusText(service.status, colors)}  ${service.reason ?? ''}`.trimEnd(),
  );
  line(`  image     ${service.image}`);
  line(`  release   ${service.release ?? '–'}`);
  line(`  ready     ${service.running_replicas}/${service.replicas}`);
  if (service.url !== null) line(`  url       ${service.url}`);
  if (service.domains.length > 1) line(`  domains   ${service.domains.join(', ')}`);
  for (const name of ['stable', 'canary'] as const) {
    const group = service.groups[name];
    if (group !== null)
      line(
        `  ${name.padEnd(9)} ${group.release}, weight ${group.weight} %, ready ${group.ready}/${group.wanted}`,
      );
  }
  if (service.rollout !== null) {
    line(
      `  rollout   ${service.rollout.id} ${service.rollout.state}${service.rollout.reason === null ? '' : `: ${service.rollout.reason}`}`,
    );
  }
  printFailure(output, service);
  if (service.allocations.length > 0) printAllocations(output, service, nowMs);
  if (service.observed_at !== null) line(colors.dim(`  observed ${localTime(service.observed_at)}`));
}

function printFailure({ line, colors }: Output, { last_failure }: ServiceStatus): void {
  if (last_failure === null) return;
  line(`  ${colors.red('failed')}    ${last_failure.message} (${localTime(last_failure.observed_at)})`);
  for (const text of last_failure.last_logs) line(colors.dim(`            ${text}`));
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

function statusText(status: ServiceStatus['status'], colors: Colors): string {
  if (status === 'running') return colors.green(status);
  if (status === 'failed') return colors.red(status);
  return status === 'stopped' ? colors.dim(status) : colors.yellow(status);
}
