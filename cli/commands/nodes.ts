/** `orca nodes`: the hosts, and what is asked of one: cordon, drain, label, role, rm, upgrade. */
import type { ClusterInfo, NodeStatus } from '../../shared/api.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import type { Client } from '../client.js';
import type { Context } from '../context.js';
import { readLabels } from '../labels.js';
import { nodeTable } from '../node-table.js';
import { timeoutOf } from '../wait.js';
import { watchUntilDone } from '../watch.js';
import { upgradeNodes } from './nodes-upgrade.js';

/** What is asked of `node`; the arguments after its name are `rest`. */
type Action = (context: Context, client: Client, node: NodeStatus, rest: string[]) => Promise<number>;

const actions: Record<string, Action> = {
  cordon: (context, client, node, rest) => simple(context, client, node, rest, 'cordon'),
  uncordon: (context, client, node, rest) => simple(context, client, node, rest, 'uncordon'),
  undrain: (context, client, node, rest) => simple(context, client, node, rest, 'undrain'),
  drain,
  label,
  role,
  rm,
};

export async function nodes(context: Context): Promise<number> {
  const [name = 'list', wanted, ...rest] = context.args;
  if (name === 'list') return await list(context);
  if (name === 'upgrade') return await upgrade(context, wanted, rest);
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (!action) {
    const known = [...Object.keys(actions), 'upgrade'].join(', ');
    throw new OrcaError('USAGE', `there is no "orca nodes ${name}"; there are list, ${known}`);
  }
  if (wanted === undefined) throw new OrcaError('USAGE', `name the node: orca nodes ${name} NODE`);
  timeoutOf(context);
  const client = await context.connect();
  const info = await client.get<ClusterInfo>('/cluster/info');
  return await action(context, client, find(info.nodes, wanted), rest);
}

async function list(context: Context): Promise<number> {
  const client = await context.connect();
  const info = await client.get<ClusterInfo>('/cluster/info');
  if (context.json) context.output.json(info);
  else nodeTable(context.output, cleaned(info.nodes), Date.now());
  return 0;
}

/** The one action that may be asked of all. */
async function upgrade(context: Context, wanted: string | undefined, rest: string[]): Promise<number> {
  nothingMore(rest, 'upgrade');
  timeoutOf(context);
  const client = await context.connect();
  const info = await client.get<ClusterInfo>('/cluster/info');
  return await upgradeNodes(context, client, wanted === undefined ? null : find(info.nodes, wanted));
}

async function simple(
  context: Context,
  client: Client,
  node: NodeStatus,
  rest: string[],
  verb: string,
): Promise<number> {
  nothingMore(rest, verb);
  return tell(context, await client.post<{ ok: string }>(`${pathOf(node)}/${verb}`), node);
}

async function drain(context: Context, client: Client, node: NodeStatus, rest: string[]): Promise<number> {
  nothingMore(rest, 'drain');
  const reply = await client.post<{ ok: string }>(`${pathOf(node)}/drain`);
  if (context.options.detach === true) return tell(context, reply, node);
  const look = async () => {
    const { nodes: all } = await client.get<ClusterInfo>('/cluster/info');
    const now = all.find((one) => one.node_id === node.node_id);
    if (!now?.drain_status) throw new OrcaError('CONFLICT', `the drain of ${node.name} was ended meanwhile`);
    return { lines: now.drain_status.done_at === null ? drainLines(cleaned(now)) : null };
  };
  const exit = await watchUntilDone(context, `the drain of ${cleaned(node).name}`, look);
  if (context.json) context.output.json(await nodeOf(client, node));
  else if (exit === 0) context.output.line(`ok ${cleaned(node).name} is drained; nothing new comes to it`);
  return exit;
}

/** One about what leaves, one for each service that can't. */
function drainLines({ name, allocations, drain_status: drain }: NodeStatus): string[] {
  const left = `${allocations} ${allocations === 1 ? 'allocation' : 'allocations'} left`;
  const moving = drain?.moving ? `; ${drain.moving} leaves` : '';
  return [
    `${name}  ${left}${moving}`,
    ...(drain?.blocked ?? []).map(({ service, reason }) => `  ${service} stays: ${reason}`),
  ];
}

/** `key=value` sets, `key-` removes. */
async function label(context: Context, client: Client, node: NodeStatus, rest: string[]): Promise<number> {
  const set = readLabels(
    rest.filter((text) => !text.endsWith('-') || text.includes('=')),
    'orca nodes label',
  );
  const remove = rest
    .filter((text) => text.endsWith('-') && !text.includes('='))
    .map((text) => text.slice(0, -1));
  if (rest.length === 0)
    throw new OrcaError('USAGE', `say which: orca nodes label ${node.name} zone=eu-1 old-`);
  const reply = await client.post<{ labels: Record<string, string> }>(`${pathOf(node)}/labels`, {
    set,
    remove,
  });
  if (context.json) context.output.json(reply);
  else {
    const labels = Object.entries(cleaned(reply).labels).map(([key, value]) => `${key}=${value}`);
    context.output.line(`${cleaned(node).name}: ${labels.sort().join(', ') || 'no labels'}`);
  }
  return 0;
}

async function role(context: Context, client: Client, node: NodeStatus, rest: string[]): Promise<number> {
  const [wanted, ...more] = rest;
  if ((wanted !== 'ingress' && wanted !== 'worker') || more.length > 0)
    throw new OrcaError('USAGE', `the role is ingress or worker: orca nodes role ${node.name} ingress`);
  return tell(context, await client.post<{ ok: string }>(`${pathOf(node)}/role`, { role: wanted }), node);
}

async function rm(context: Context, client: Client, node: NodeStatus, rest: string[]): Promise<number> {
  nothingMore(rest, 'rm');
  const query = {
    ...(context.options.force === true ? { force: 'true' } : {}),
    ...(context.options.keep === true ? { keep: 'true' } : {}),
  };
  return tell(context, await client.delete<{ ok: string }>(pathOf(node), query), node);
}

function tell(context: Context, reply: { ok: string }, { name, node_id }: NodeStatus): number {
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok.replace(node_id, cleaned({ name }).name));
  return 0;
}

const pathOf = ({ node_id }: NodeStatus): string => `/cluster/nodes/${encodeURIComponent(node_id)}`;

async function nodeOf(client: Client, { node_id }: NodeStatus): Promise<NodeStatus | null> {
  const { nodes: all } = await client.get<ClusterInfo>('/cluster/info');
  return all.find((one) => one.node_id === node_id) ?? null;
}

function nothingMore(rest: string[], verb: string): void {
  if (rest.length > 0) throw new OrcaError('USAGE', `orca nodes ${verb} takes one node, and no "${rest[0]}"`);
}

/** By name, address or id, exactly. */
function find(all: NodeStatus[], wanted: string): NodeStatus {
  const found = all.find((node) => [node.name, node.address, node.node_id].includes(wanted));
  if (found) return found;
  throw new OrcaError('NOT_FOUND', `there is no node "${wanted}"`, {
    hint: 'See `orca nodes` for the nodes there are.',
  });
}
