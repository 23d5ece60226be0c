/** How the status looks: services, then nodes, then certificates, with a word where they need one; with a name, all of that service. */
import type { ServiceStatus, StatusReply } from '../shared/api.js';
import { certificateTable } from './certificate-table.js';
import { nodeTable } from './node-table.js';
import type { Colors, Output } from './output.js';
import { printService } from './service-view.js';
import { reasonText, statusText } from './status-text.js';

export interface StatusOptions {
  detailed: boolean;
  nowMs: number;
}

/** `reply` is cleaned already. */
export function printStatus(output: Output, reply: StatusReply, options: StatusOptions): void {
  if (options.detailed) {
    for (const service of reply.services) printService(output, service, options.nowMs);
    printCertificates(output, reply, options.nowMs);
    return;
  }
  if (reply.services.length === 0) output.line('no services yet; `orca deploy` brings the first');
  else output.table(...serviceRows(reply.services, output.colors, options.nowMs));
  output.line();
  nodeTable(output, reply.nodes, options.nowMs);
  if (reply.certificates.length === 0) return;
  output.line();
  certificateTable(output, reply.certificates, options.nowMs);
}

/** Of the services that are shown. */
function printCertificates(output: Output, { services, certificates }: StatusReply, nowMs: number): void {
  const shown = new Set(services.map(({ project, name }) => `${project}/${name}`));
  const theirs = certificates.filter((one) => one.services.some((key) => shown.has(key)));
  if (theirs.length === 0) return;
  output.line();
  certificateTable(output, theirs, nowMs);
}

function serviceRows(services: ServiceStatus[], colors: Colors, nowMs: number): [string[], string[][]] {
  const rows = services.map((service) => [
    service.project,
    service.name,
    statusText(service.status, colors),
    releaseText(service),
    `${service.running_replicas}/${service.replicas}`,
    service.image,
    service.url ?? service.domain ?? '–',
    [previewShort(service), reasonText(service, nowMs)].filter((text) => text !== '').join('; '),
  ]);
  return [['PROJECT', 'SERVICE', 'STATUS', 'RELEASE', 'READY', 'IMAGE', 'URL', 'REASON'], rows];
}

const previewShort = ({ preview }: ServiceStatus): string =>
  preview ? `preview of ${preview.of}, ${preview.repo}#${preview.number}` : '';

/** `v1`, and what is beside it: `v1 + v2 (20 %)`. */
function releaseText({ release, groups }: ServiceStatus): string {
  const canary = groups.canary === null ? [] : [`${groups.canary.release} (${groups.canary.weight} %)`];
  return [...(release === null ? [] : [release]), ...canary].join(' + ') || '–';
}
