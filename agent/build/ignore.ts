/**
 * `.dockerignore` as Docker reads it (https://docs.docker.com/build/concepts/context/#dockerignore-files, moby/patternmatcher): `*` and `?` within one
 * part of a path, `**` over parts, `[a-z]`, `!` for what is wanted after all; the last pattern that fits decides, and what a pattern says of a folder it
 * says of all in it. PURE. Both sides are whoever pushes': a path is looked at once, with all places of the pattern that it may be at, so that no
 * pattern costs more than its length times the path's.
 */
export interface Ignore {
  isIgnored(path: string): boolean;
  /** Something below an ignored folder may be wanted after all. */
  hasExceptions: boolean;
}

const MAX_PATTERNS = 1_000;
const MAX_LENGTH = 1_024;
const MAX_IN_ALL = 64 * 1_024;

/** What it says, or why it is not taken, as the end of a sentence. */
export function readIgnore(text: string): Ignore | string {
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '!');
  if (lines.length > MAX_PATTERNS) return `has more than ${MAX_PATTERNS} patterns`;
  if (lines.some(({ length }) => length > MAX_LENGTH))
    return `has a pattern of more than ${MAX_LENGTH} characters`;
  if (lines.reduce((sum, { length }) => sum + length, 0) > MAX_IN_ALL)
    return `has more than ${MAX_IN_ALL} characters of patterns`;
  const patterns = lines.map((line) => {
    const isWanted = line.startsWith('!');
    return { isWanted, tokens: tokensOf(plain(isWanted ? line.slice(1).trim() : line)) };
  });
  return {
    hasExceptions: patterns.some(({ isWanted }) => isWanted),
    isIgnored: (path) => {
      const last = patterns.findLast(({ tokens }) => fits(tokens, path));
      return last !== undefined && !last.isWanted;
    },
  };
}

/** As Go's `filepath.Clean` has it, and from the context's folder. */
function plain(pattern: string): string {
  const kept: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (part !== '' && part !== '.' && !(part === '..' && pattern.startsWith('/'))) kept.push(part);
  }
  return kept.join('/');
}

type Token =
  | { kind: 'char'; char: string }
  | { kind: 'one'; test: (char: string) => boolean } // `?` and `[…]`: never "/"
  | { kind: 'star' } // `*`
  | { kind: 'folders' } // `**/`: nothing, or whole parts
  | { kind: 'inside' } // follows `folders`: within those parts
  | { kind: 'rest' }; // `**` at the end: anything

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] ?? '';
    if (char === '*' && pattern[at + 1] === '*') {
      at += pattern[at + 2] === '/' ? 2 : 1;
      if (at + 1 >= pattern.length) tokens.push({ kind: 'rest' });
      else tokens.push({ kind: 'folders' }, { kind: 'inside' });
    } else if (char === '*') tokens.push({ kind: 'star' });
    else if (char === '?') tokens.push({ kind: 'one', test: () => true });
    else if (char === '[' && pattern.indexOf(']', at + 2) > 0) {
      const end = pattern.indexOf(']', at + 2);
      tokens.push({ kind: 'one', test: setOf(pattern.slice(at + 1, end)) });
      at = end;
    } else if (char === '\\' && at + 1 < pattern.length) {
      at += 1;
      tokens.push({ kind: 'char', char: pattern[at] ?? '' });
    } else tokens.push({ kind: 'char', char });
  }
  return tokens;
}

/** `a-z0_`, or `^…` for all others. */
function setOf(text: string): (char: string) => boolean {
  const isOthers = text.startsWith('^');
  const ranges: [string, string][] = [];
  for (let at = isOthers ? 1 : 0; at < text.length; at += 1) {
    const from = text[at] ?? '';
    const isRange = text[at + 1] === '-' && at + 2 < text.length;
    ranges.push([from, isRange ? (text[at + 2] ?? from) : from]);
    if (isRange) at += 2;
  }
  return (char) => ranges.some(([from, to]) => from <= char && char <= to) !== isOthers;
}

/** Whether the pattern names the path, or a folder that it is in. */
function fits(tokens: readonly Token[], path: string): boolean {
  const first = tokens[0];
  if (first === undefined || (first.kind === 'char' && first.char !== path[0])) return false;
  const end = tokens.length;
  let places = new Set<number>();
  add(tokens, places, 0);
  for (const char of units(path)) {
    if (char === '/' && places.has(end)) return true;
    const next = new Set<number>();
    for (const at of places) step(tokens, next, at, char);
    if (next.size === 0) return false;
    places = next;
  }
  return places.has(end);
}

/** As they are indexed. */
const units = (text: string): string[] => text.split('');

/** A place, with those that are reached from it by nothing. */
function add(tokens: readonly Token[], places: Set<number>, at: number): void {
  if (places.has(at)) return;
  places.add(at);
  const kind = tokens[at]?.kind;
  if (kind === 'star' || kind === 'rest') add(tokens, places, at + 1);
  else if (kind === 'folders') add(tokens, places, at + 2);
}

function step(tokens: readonly Token[], next: Set<number>, at: number, char: string): void {
  const token = tokens[at];
  const isSlash = char === '/';
  if (token === undefined) return;
  if (token.kind === 'char') {
    if (token.char === char) add(tokens, next, at + 1);
  } else if (token.kind === 'one') {
    if (!isSlash && token.test(char)) add(tokens, next, at + 1);
  } else if (token.kind === 'star') {
    if (!isSlash) add(tokens, next, at);
  } else if (token.kind === 'rest') add(tokens, next, at);
  else {
    next.add(token.kind === 'folders' ? at + 1 : at);
    if (isSlash) add(tokens, next, token.kind === 'folders' ? at + 2 : at + 1);
  }
}
