/** The tag of an image as a generic payload names it, and the image with it. PURE. Nothing but a tag ever gets into the image's name. */
import { OrcaError } from '../../shared/errors.js';

/** OCI distribution spec, "Pulling manifests": a tag. */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** A path such as `push_data.tag` or `images.0.tag`. */
export const isFieldPath = (path: string): boolean =>
  path.length <= 200 && /^[\w-]+(\.[\w-]+)*$/.test(path) && !path.includes('__proto__');

export function imageTagAt(
  payload: unknown,
  path: string,
): { kind: 'found'; tag: string } | { kind: 'none'; reason: string } {
  let at = payload;
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key))
      return { kind: 'none', reason: `its payload has no ${path}` };
    at = (at as Record<string, unknown>)[key];
  }
  if (typeof at === 'string' && TAG.test(at)) return { kind: 'found', tag: at };
  return { kind: 'none', reason: `what its payload has at ${path} is no tag of an image` };
}

/** The image with another tag. Throws CONFLICT for one that is pinned to a digest. */
export function withTag(image: string, tag: string): string {
  if (image.includes('@'))
    throw new OrcaError('CONFLICT', `${image} is pinned to a digest, so that no tag can be set`);
  const colon = image.lastIndexOf(':');
  return `${colon > image.lastIndexOf('/') ? image.slice(0, colon) : image}:${tag}`;
}
