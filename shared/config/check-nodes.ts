/** What is wrong with the `[[node]]`s of cluster.toml as a whole: one that names no node, or one named twice. */
import type { Problem } from './problem.js';

export function checkNodes(
  nodes: readonly { name?: string | undefined; address?: string | undefined }[],
): Problem[] {
  return nodes.flatMap((node, index): Problem[] => {
    if (node.name === undefined && node.address === undefined) {
      return [
        { path: ['node', index], message: 'needs name (or address): the node that the labels are for' },
      ];
    }
    const first = nodes.findIndex((other) => other.name !== undefined && other.name === node.name);
    const twice = first >= 0 && first < index;
    return twice ? [{ path: ['node', index, 'name'], message: `"${node.name}" is listed twice` }] : [];
  });
}
