/** `orca nodes`: the hosts; `orca nodes cordon NODE` keeps new allocations off one, `uncordon` undoes it. */
import type { ClusterInfo, NodeStatus } from '../../shared/api.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import type { Context } from '../context.js';
import { nodeTable } from '../node-table.js';

export async function nodes(context: Context): Promise<number> {
  const [action = 'list', wanted] = context.args;
  if (action === 'list') return await list(context);
  if (action !== 'cordon' && action !== 'uncordon') {
    throw new OrcaError('USAGE', `there is no "orca nodes ${action}"; there are list, cordon and uncordon`);
  }
  if (wanted === undefined) throw new OrcaError('USAGE', `name the node: orca nodes ${action} NODE`);
  const client = await context.connect();
  const info = await client.get<ClusterInfo>('/cluster/info');
  const node = find(info.nodes, wanted);
  const reply = await client.post<{ ok?: string }>(
    `/cluster/nodes/${encodeURIComponent(node.node_id)}/${action}`,
  );
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok ?? `${node.name}: ${action}ed`);
  return 0;
}

async function list(context: Context): Promise<number> {
  const client = await context.connect();
  const info = await client.get<ClusterInfo>('/cluster/info');
  if (context.json) context.output.json(info);
  else nodeTable(context.output, cleaned(info.nodes), Date.now());
  return 0;
}

/** By name, address or id, exactly. */
function find(all: NodeStatus[], wanted: string): NodeStatus {
  const found = all.find((node) => [node.name, node.address, node.node_id].includes(wanted));
  if (found) return found;
  throw new OrcaError('NOT_FOUND', `there is no node "${wanted}"`, {
    hint: 'See `orca nodes` for the nodes there are.',
  });
}
