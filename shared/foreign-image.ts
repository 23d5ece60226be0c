/**
 * Images that a reference would take from another project, though no registry was asked who may: what Orca has built and kept on the nodes, and
 * images by their ids. PURE. Nodes have the images of all projects side by side, and Docker gives each to whoever names it.
 */
import type { ServiceSpec } from './spec.js';

/** Where Orca names what it built (`agent/build/build.ts`) and what releases need (`plan/names.ts`). */
const BUILT = 'orca-build/';
const KEPT = 'orca.local/';

/** Why who sees only some projects may not deploy its image; null: no such reason. `pushedBelow`: of `[registry]`, where nodes push. */
export function foreignImage(
  { project, name, container: { image } }: Pick<ServiceSpec, 'project' | 'name' | 'container'>,
  sees: (project: string) => boolean,
  pushedBelow: string | null,
): string | null {
  // As a build without an image is written down.
  if (image === `${KEPT}${project}/${name}:build`) return null;
  const local = image.replace(/^(index\.)?docker\.io\/(library\/)?/, '');
  const plain =
    pushedBelow !== null && local.startsWith(`${pushedBelow}/`) ? local.slice(pushedBelow.length + 1) : local;
  if (plain.startsWith(KEPT)) return `${image} is what Orca keeps of a release: roll back to have it`;
  if (plain.startsWith(BUILT)) {
    const owner = plain.slice(BUILT.length).split('/')[0] ?? '';
    return sees(owner) ? null : `${image} was built for the project ${owner}`;
  }
  // Docker takes the beginning of an id for the image, where no image has that name.
  if (/^(sha256:)?[0-9a-f]+$/.test(plain))
    return `${image} may be the id of an image of any project: write its tag, such as ${image.replace(/^sha256:.*/, 'app')}:latest`;
  return null;
}
