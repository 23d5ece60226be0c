/**
 * `orca adopt`: what runs on held nodes, and what taking it over comes to; with --apply it is done. Exit code 1 when it could not
 * be done as it stands.
 */
import type { AdoptReply, AdoptRequest } from '../../shared/api-adopt.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import type { Context } from '../context.js';
import { shortId } from '../progress.js';

export async function adopt(context: Context): Promise<number> {
  const { args: nodes, options, output } = context;
  const isApplied = options.apply === true;
  const partial = options.partial === true;
  if (partial && !isApplied) throw new OrcaError('USAGE', '--partial goes with `orca adopt --apply`');
  const client = await context.connect();
  const body: AdoptRequest = { nodes, partial };
  const query = nodes.length > 0 ? { nodes: nodes.join(',') } : {};
  const reply = isApplied
    ? await client.post<AdoptReply>('/adopt', body)
    : await client.get<AdoptReply>('/adopt', query);
  if (context.json) output.json(reply);
  else print(context, cleaned(reply));
  return reply.conflicts.length > 0 ? 1 : 0;
}

function print(context: Context, reply: AdoptReply): void {
  const { output } = context;
  for (const { name, reason } of reply.away) output.note(`${name}: ${reason}; it can be adopted later`);
  if (reply.nodes.length === 0) {
    output.line('nothing to adopt: no node that is here is held');
    return;
  }
  for (const node of reply.nodes) output.line(nodeLine(node));
  for (const service of reply.services) printService(context, service);
  for (const key of reply.stopped) output.line(`${key}: runs nowhere any more; it will be stopped`);
  for (const line of reply.missing) output.note(`missing: ${line}`);
  for (const line of reply.conflicts) output.note(`conflict: ${line}`);
  output.note(nextLine(reply));
}

function nodeLine({ name, source, revision, copies }: AdoptReply['nodes'][number]): string {
  const count = `${copies} ${copies === 1 ? 'copy' : 'copies'}`;
  if (source === 'nothing') return `${name}: nothing of this cluster runs there`;
  const where =
    source === 'memory' ? `what its agent remembers (revision ${revision})` : 'the labels of containers';
  return `${name}: ${count}, known from ${where}`;
}

function printService({ output }: Context, service: AdoptReply['services'][number]): void {
  const { project, release, replicas, domains, ports, rollout, unknown } = service;
  const parts = [
    `${project}/${service.service}`,
    release ?? 'no stable release',
    `replicas ${replicas}`,
    ...(domains.length > 0 ? [domains.join(', ')] : []),
    ...(ports.length > 0 ? [`ports ${ports.join(', ')}`] : []),
    ...(rollout === null ? [] : [rollout]),
  ];
  output.line();
  output.line(output.colors.bold(parts.join(' · ')));
  output.table(
    ['COPY', 'NODE', 'SLOT', 'GROUP', 'RELEASE', 'IMAGE', 'STATE'],
    service.copies.map((copy) => [
      shortId(copy.id),
      copy.node,
      String(copy.slot),
      copy.group,
      copy.release,
      copy.image,
      copy.state,
    ]),
  );
  for (const line of unknown) output.line(output.colors.dim(line));
}

function nextLine({ adopted, conflicts, missing }: AdoptReply): string {
  if (adopted) return 'adopted; no container was touched. See `orca status`';
  if (conflicts.length > 0) return 'this can not be adopted as it stands; nothing is guessed';
  if (missing.length > 0)
    return 'nothing was changed; wait for the other nodes, or `orca adopt --apply --partial` makes anew what is missing';
  return 'nothing was changed; `orca adopt --apply` takes it over';
}
