/** How much a glob may ask for, so that to match it is quick whatever the name: paths and tags are whoever pushes'. PURE. */
const MAX_LENGTH = 256;
/** In one part of a path: each more multiplies the work of a name that almost matches. */
const MAX_STARS = 2;
const MAX_GLOBSTARS = 3;

/** Why it can't be used, as the end of a sentence; null: nothing of this. */
export function slowGlobProblem(glob: string): string | null {
  if (glob.trim() === '' || glob.length > MAX_LENGTH) return `must have 1 to ${MAX_LENGTH} characters`;
  if (/\p{Cc}/u.test(glob)) return 'must not hold control characters';
  const parts = glob.split('/');
  if (parts.filter((part) => part === '**').length > MAX_GLOBSTARS)
    return `must not have more than ${MAX_GLOBSTARS} parts "**"`;
  const isSlow = parts.some((part) => part !== '**' && (part.match(/\*+/g)?.length ?? 0) > MAX_STARS);
  return isSlow ? `must not have more than ${MAX_STARS} "*" in one part` : null;
}
