/**
 * Where the image of a rollout is: on the node that was chosen, in its registry as that node finds it; or, when no registry has it
 * and that node has not, on whichever node has. Pure.
 */
import type { Node, Rollout } from '../../shared/model.js';
import type { ImageObserved } from '../../shared/protocol.js';
import { doubtOf } from './seen.js';

/** What the nodes have said of the image that a rollout wants. */
export interface Found {
  image: ImageObserved | null;
  /** Where it is; null: nowhere yet. */
  node: Node | null;
}

/** On the chosen node, or while all are asked, on any. */
export function findImage(rollout: Rollout, chosen: Node | null, nodes: readonly Node[]): Found {
  const said = (node: Node): ImageObserved | undefined => node.images.find(({ id }) => id === rollout.id);
  if (!rollout.isSearching) return { image: (chosen && said(chosen)) ?? null, node: chosen };
  const sorted = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  const order = chosen === null ? sorted : [chosen, ...sorted.filter(({ id }) => id !== chosen.id)];
  const asked = order.filter((node) => doubtOf(node) === null);
  const having = asked.filter((node) => said(node)?.state === 'ready');
  const [first] = having;
  if (first !== undefined)
    return differing(rollout, having, said) ?? { image: said(first) ?? null, node: first };
  const isWaiting = asked.some((node) => said(node)?.state !== 'failed' && node.facts.carries === true);
  return { image: isWaiting ? null : nowhere(rollout, order, asked), node: null };
}

/** The chosen node's own image stands, as it would without the others; else nobody can tell which one is meant. */
function differing(
  { id, node, spec }: Rollout,
  having: readonly Node[],
  said: (node: Node) => ImageObserved | undefined,
): Found | null {
  const ids = new Set(having.map((one) => said(one)?.imageId));
  if (ids.size < 2 || having[0]?.id === node) return null;
  const where = having.map(({ facts }) => facts.name).join(', ');
  const reason = `${spec.container.image} is another image on each of ${where}; load the same one there, or remove it from all but one`;
  return { image: failed(id, reason), node: null };
}

function nowhere({ id, spec }: Rollout, all: readonly Node[], asked: readonly Node[]): ImageObserved {
  const names = (nodes: readonly Node[]): string => nodes.map(({ facts }) => facts.name).join(', ');
  const away = all.filter((node) => !asked.includes(node));
  const but = away.length === 0 ? '' : `; not asked: ${names(away)}, which can't be heard`;
  const reason = `image "${spec.container.image}" is on no node (asked: ${names(asked) || 'none'}${but}) and pull is "${spec.container.pull}"; load it on one of them, or change pull`;
  return failed(id, reason);
}

const failed = (id: string, reason: string): ImageObserved => ({
  ...{ id, state: 'failed', percent: null, imageId: null, digest: null, reason },
});
