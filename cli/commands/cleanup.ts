/** `orca cleanup`: removes the images that were built and that no kept release needs; with --dry-run says which. */
import type { CleanupReply } from '../../shared/api-builds.js';
import { cleaned } from '../clean.js';
import type { Context } from '../context.js';

export async function cleanup(context: Context): Promise<number> {
  const isDry = context.options.dryRun === true;
  const client = await context.connect();
  const reply = await client.post<CleanupReply>('/cleanup', { dry_run: isDry });
  if (context.json) context.output.json(reply);
  else if (reply.nodes.length === 0)
    context.output.line('no node that builds is connected, so that nothing was looked at; see `orca nodes`');
  else for (const node of cleaned(reply).nodes) printNode(context, node, isDry);
  return reply.nodes.some(({ problem }) => problem !== null) ? 1 : 0;
}

function printNode({ output }: Context, node: CleanupReply['nodes'][number], isDry: boolean): void {
  const { images, problem } = node;
  for (const { tag, size_bytes } of images)
    output.line(
      `${node.node}  ${isDry ? 'would remove' : 'removed'} ${tag}  ${(size_bytes / 1e6).toFixed(1)} MB`,
    );
  if (images.length === 0 && problem === null) output.line(`${node.node}  has nothing to remove`);
  if (problem !== null) output.line(`${node.node}  ${output.colors.red(problem)}`);
}
