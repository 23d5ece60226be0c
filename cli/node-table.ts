/** The table of nodes, for `orca nodes` and `orca status`. */
import type { NodeStatus } from '../shared/api.js';
import type { Output } from './output.js';
import { since } from './time.js';

/** `nodes` are cleaned already; `nowMs` is for "last seen". */
export function nodeTable(output: Output, nodes: NodeStatus[], nowMs: number): void {
  const { colors } = output;
  output.table(
    ['NODE', 'STATE', 'ADDRESS', 'ALLOCATIONS', 'DOCKER', 'CADDY', 'SEEN', 'REASON'],
    nodes.map((node) => [
      node.name,
      node.state === 'ready' ? colors.green(node.state) : colors.yellow(node.state),
      node.address,
      String(node.allocations),
      node.engine ?? '–',
      node.ingress ? (node.caddy ?? '–') : '',
      `${since(node.last_heartbeat, nowMs)} ago`,
      node.reason ?? '',
    ]),
  );
}
