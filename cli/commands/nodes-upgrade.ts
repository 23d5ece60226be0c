/**
 * `orca nodes upgrade [NODE]`: has agents replace themselves by what the master serves, one after the other, and waits until each is
 * back. Ends at the first that fails; what ran before goes on there.
 */
import type { ClusterInfo, NodeStatus } from '../../shared/api.js';
import type { NodeUpgradeReply } from '../../shared/api-nodes.js';
import { byName } from '../../shared/by-name.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import type { Client } from '../client.js';
import type { Context } from '../context.js';
import { watchUntilDone } from '../watch.js';

/** Null: all that can be. Throws the API's refusals, UPGRADE_FAILED and TIMEOUT. */
export async function upgradeNodes(
  context: Context,
  client: Client,
  wanted: NodeStatus | null,
): Promise<number> {
  const all = wanted ? [wanted] : await upgradable(context, client);
  const done: NodeUpgradeReply[] = [];
  for (const node of all) {
    const reply = await client.post<NodeUpgradeReply>(
      `/cluster/nodes/${encodeURIComponent(node.node_id)}/upgrade`,
    );
    const exit = await watchUntilDone(context, `the upgrade of ${cleaned(node).name}`, () =>
      look(client, node, reply),
    );
    if (exit !== 0) return exit;
    done.push(reply);
    const { name } = cleaned(node);
    const said = reply.is_there
      ? `${name} runs ${reply.version} already`
      : `ok ${name} runs ${reply.version}`;
    if (!context.json) context.output.line(cleaned(said));
  }
  if (context.json) context.output.json({ upgraded: done });
  return 0;
}

/** By name; those that can't are said, and left out. */
async function upgradable(context: Context, client: Client): Promise<NodeStatus[]> {
  const { nodes } = await client.get<ClusterInfo>('/cluster/info');
  for (const { name } of cleaned(nodes.filter((node) => !isUpgradable(node))))
    context.output.note(
      `${name}: left out, for its agent is the master's own, is older, or was not started by install.sh`,
    );
  return nodes.filter(isUpgradable).sort(byName);
}

/** An older master says nothing of it. */
const isUpgradable = ({ program }: NodeStatus): boolean => (program ?? null) !== null;

async function look(
  client: Client,
  { node_id, name }: NodeStatus,
  { program, version }: NodeUpgradeReply,
): Promise<{ lines: string[] | null }> {
  const { nodes } = await client.get<ClusterInfo>('/cluster/info');
  const now = nodes.find((one) => one.node_id === node_id);
  if (!now) throw new OrcaError('NOT_FOUND', `node ${name} was removed meanwhile`);
  const { upgrade } = now;
  if (upgrade?.state === 'failed') {
    const why = `${name} could not be upgraded to ${version} and goes on with ${now.version}: ${upgrade.reason}`;
    throw new OrcaError('UPGRADE_FAILED', cleaned(why));
  }
  if (now.state === 'lost') throw new OrcaError('UPGRADE_FAILED', cleaned(`${name} is lost: ${now.reason}`));
  const isBack =
    now.program === program && upgrade === null && !/not (connected|reported)/.test(now.reason ?? '');
  return { lines: isBack ? null : cleaned([`${name}  ${upgrade?.state ?? now.reason ?? 'waiting'}`]) };
}
