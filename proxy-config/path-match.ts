/**
 * Decides whether a path matches a pattern of a route as Caddy's path matcher does (2.6.2 and later, *source*), PURE: a
 * star at an end, or at both, stands for anything; with one inside, each star stands for anything but a slash.
 *
 * Promises to take time in proportion to the path, whatever the pattern: it runs in the resolver's process, where a
 * backtracking expression stood still for 33 s over a path of 4,000 characters, and with it every service.
 */

/** `path` as a client sent it, without the query. */
export function matchesPath(pattern: string, path: string): boolean {
  const wanted = pattern.toLowerCase();
  const given = cleaned(path).toLowerCase();
  if (!wanted.slice(1, -1).includes('*')) return matchesStars(wanted, given);
  const names = given.split('/');
  const parts = wanted.split('/');
  return parts.length === names.length && parts.every((part, i) => matchesStars(part, names[i] ?? ''));
}

/** Decoded, without `..` and doubled slashes; as it is when it can't be decoded. */
function cleaned(path: string): string {
  const decoded = /%(?![0-9a-f]{2})/i.test(path) ? path : decode(path);
  const kept: string[] = [];
  const parts = decoded.split('/');
  for (const part of parts) {
    if (part === '..') kept.pop();
    else if (part !== '' && part !== '.') kept.push(part);
  }
  const isFolder = kept.length > 0 && ['', '.', '..'].includes(parts.at(-1) ?? '');
  return `/${kept.join('/')}${isFolder ? '/' : ''}`;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The pieces between the stars are found from left to right, each as early as it can be. */
function matchesStars(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return first === text;
  const end = text.length - last.length;
  if (first.length > end || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
