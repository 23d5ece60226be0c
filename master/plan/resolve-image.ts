/** PURE: whose image a rollout gets, where else it may be, and what is said while it is looked for. */
import type { ResolvedImage, Rollout } from '../../shared/model.js';
import { buildWait, isBuilt } from './builds.js';
import { isCarried } from './carry.js';
import type { Progress } from './progress.js';

/** No registry has it, so that another node may. */
export function isElsewhere(rollout: Rollout, { stored, preparation }: Progress): boolean {
  const { isSearching, spec, kind } = rollout;
  if (isSearching || !preparation.hasOthers || isBuilt(rollout)) return false;
  return spec.container.pull === 'never' || (kind === 'rollback' && stored !== null && isCarried(stored));
}

export function resolvedImage({ spec }: Rollout, { preparation }: Progress, id: string): ResolvedImage {
  const { image, from } = preparation;
  const ref = image?.build?.tag ?? spec.container.image;
  const resolved = { ref, id, digest: image?.digest ?? null };
  return isCarried({ image: resolved, spec }) && from !== null ? { ...resolved, node: from.id } : resolved;
}

export function imageWait({ kind, spec, isSearching }: Rollout, { preparation }: Progress): string {
  const { node, refusal, image } = preparation;
  if (isSearching) return `image ${spec.container.image} is being looked for on all nodes`;
  if (node === null) return `no node can take it: ${refusal}`;
  if (isBuilt({ kind, spec })) return buildWait(spec, node, image);
  const percent = image?.percent == null ? '' : ` ${Math.round(image.percent)} %`;
  const verb = image?.state === 'pulling' ? `pulling${percent}` : 'is being looked up';
  return `image ${spec.container.image} ${verb} on ${node.facts.name}`;
}
