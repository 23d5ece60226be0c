/** The table of nodes, for `orca nodes` and `orca status`. */
import type { NodeStatus } from '../shared/api.js';
import type { Output } from './output.js';
import { since } from './time.js';

/** `nodes` are cleaned already; `nowMs` is for "last seen". */
export function nodeTable(output: Output, nodes: NodeStatus[], nowMs: number): void {
  const { colors } = output;
  output.table(
    [
      ...['NODE', 'STATE', 'ADDRESS', 'VERSION', 'CAPACITY', 'ALLOCATIONS', 'DOCKER', 'CADDY', 'SEEN'],
      ...['CERTIFICATE', 'REASON'],
    ],
    nodes.map((node) => [
      node.name,
      node.state === 'ready' ? colors.green(node.state) : colors.yellow(node.state),
      node.address,
      node.version,
      `${node.cpus} CPU, ${Math.round(node.memory_bytes / 1024 ** 3)} GiB`,
      String(node.allocations),
      node.engine ?? '–',
      node.ingress ? (node.caddy ?? '–') : '',
      `${since(node.last_heartbeat, nowMs)} ago`,
      certificate(node.certificate_expires_at, nowMs, colors),
      node.reason ?? '',
    ]),
  );
}

/** Days that are left: it renews itself with 30 to go, so that much less is worth a look. An older master says nothing. */
function certificate(expiresAt: string | null | undefined, nowMs: number, colors: Output['colors']): string {
  const leftDays = Math.floor((Date.parse(expiresAt ?? '') - nowMs) / 86_400_000);
  if (Number.isNaN(leftDays)) return '–';
  if (leftDays < 0) return colors.yellow('expired');
  return leftDays < 25 ? colors.yellow(`${leftDays}d`) : `${leftDays}d`;
}
