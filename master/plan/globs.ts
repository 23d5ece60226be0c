/**
 * Globs of paths and tags: `*` within one part of a path, `**` over parts, `?`, `[…]`. PURE. Braces, `!` and `+(…)` are plain
 * characters. What could make matching slow is refused when it is asked for, since paths and tags are whoever pushes'.
 */
import { Minimatch } from 'minimatch';

const MAX_LENGTH = 256;
/** In one part of a path: each more multiplies the work of a name that almost matches. */
const MAX_STARS = 2;
const MAX_GLOBSTARS = 3;
/** As file systems have it; a name that is longer is no evidence. */
const MAX_PART = 255;
const MAX_PATH = 1_024;

const options = { dot: true, nobrace: true, nocomment: true, nonegate: true, noext: true } as const;

/** Whether the text is matched by any of the globs; `ofLong` is the answer for a name that is too long to be a path's. */
export function createMatcher(globs: readonly string[], ofLong: boolean): (text: string) => boolean {
  const matchers = globs.map((glob) => new Minimatch(glob.replace(/^\.?\//, ''), options));
  return (text) => (isLong(text) ? ofLong : matchers.some((one) => one.match(text)));
}

const isLong = (text: string): boolean =>
  text.length > MAX_PATH || text.split('/').some((part) => part.length > MAX_PART);

/** Why it can't be used, as the end of a sentence; null: it can. */
export function globProblem(glob: string): string | null {
  if (glob.trim() === '' || glob.length > MAX_LENGTH) return `must have 1 to ${MAX_LENGTH} characters`;
  if (/\p{Cc}/u.test(glob)) return 'must not hold control characters';
  const parts = glob.split('/');
  if (parts.filter((part) => part === '**').length > MAX_GLOBSTARS)
    return `must not have more than ${MAX_GLOBSTARS} parts "**"`;
  const isSlow = parts.some((part) => part !== '**' && (part.match(/\*+/g)?.length ?? 0) > MAX_STARS);
  if (isSlow) return `must not have more than ${MAX_STARS} "*" in one part`;
  return new Minimatch(glob, options).makeRe() === false ? 'is no glob' : null;
}
