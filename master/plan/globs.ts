/**
 * Globs of paths and tags: `*` within one part of a path, `**` over parts, `?`, `[…]`. PURE. Braces, `!` and `+(…)` are plain
 * characters. What could make matching slow is refused when it is asked for, since paths and tags are whoever pushes'.
 */
import { Minimatch } from 'minimatch';
import { slowGlobProblem } from '../../shared/glob-limits.js';

/** As file systems have it; a name that is longer is no evidence. */
const MAX_PART = 255;
const MAX_PATH = 1_024;

const options = { dot: true, nobrace: true, nocomment: true, nonegate: true, noext: true } as const;

/** Whether the text is matched by any of the globs; `ofLong` is the answer for a name that is too long to be a path's, and for a glob that
 *  was kept before it would have been refused. */
export function createMatcher(globs: readonly string[], ofLong: boolean): (text: string) => boolean {
  if (globs.some((glob) => slowGlobProblem(glob) !== null)) return () => ofLong;
  const matchers = globs.map((glob) => new Minimatch(glob.replace(/^\.?\//, ''), options));
  return (text) => (isLong(text) ? ofLong : matchers.some((one) => one.match(text)));
}

const isLong = (text: string): boolean =>
  text.length > MAX_PATH || text.split('/').some((part) => part.length > MAX_PART);

/** Why it can't be used, as the end of a sentence; null: it can. */
export function globProblem(glob: string): string | null {
  return slowGlobProblem(glob) ?? (new Minimatch(glob, options).makeRe() === false ? 'is no glob' : null);
}
