/** Which wildcard certificate serves a preview instead of an order of its own: there may be many of them, and each comes and goes. PURE. */
import type { ServiceSpec } from '../../shared/spec.js';

/** `*.…`, which some service is served under, for a name that previews alone have; null: there is no such one. */
export function previewWildcard(
  name: string,
  specs: () => Iterable<Pick<ServiceSpec, 'domains' | 'preview'>>,
): string | null {
  if (!/^pr-\d+\../.test(name)) return null;
  const all = [...specs()];
  const wildcard = `*${name.slice(name.indexOf('.'))}`;
  // One that nothing is served under any more is not renewed either.
  if (!all.some(({ domains }) => domains.includes(wildcard))) return null;
  const theirs = all.filter(({ domains }) => domains.includes(name));
  return theirs.length > 0 && theirs.every(({ preview }) => preview !== undefined) ? wildcard : null;
}
