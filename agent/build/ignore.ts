/**
 * What `.dockerignore` leaves out, as Docker's patternmatcher has it (moby/patternmatcher 0.6): `*` and `?` stay within a name, `**` goes over any
 * number of folders, `!` takes back, the last line that fits decides, and what fits a folder fits all in it. Letters count as they are written.
 *
 * Promises that nobody's patterns cost more than their length times that of the path, for they are a stranger's: all ways through a pattern are
 * followed at once, and a folder's are gone on with below it, in place of trying one after the other as a regular expression does. PURE.
 */
import { posix } from 'node:path';

export const MAX_IGNORE_BYTES = 64 * 1024;
export const MAX_IGNORE_LINES = 2_000;

/** A folder on the way down. */
export interface Place {
  enter(name: string): { isIgnored: boolean; below: () => Place };
}

export interface Ignore {
  root: Place;
  /** Something below an ignored folder may be wanted after all. */
  hasExceptions: boolean;
}

type Token = (unit: string) => boolean;
interface Rule {
  isException: boolean;
  parts: readonly Part[];
}
/** `one` takes one sign; `some` any number within a name; `folders` nothing, or anything up to a `/`; `rest` anything. */
type Part = { kind: 'one'; fits: Token } | { kind: 'some' | 'folders' | 'rest' };

/** Null of what there is too much, with the reason; the words are for people. */
export function readIgnore(text: string): Ignore | { problem: string } {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  if (text.length > MAX_IGNORE_BYTES) return { problem: `is larger than ${MAX_IGNORE_BYTES / 1024} KiB` };
  if (lines.length > MAX_IGNORE_LINES) return { problem: `has more than ${MAX_IGNORE_LINES} lines` };
  const rules: Rule[] = [];
  for (const [at, line] of lines.entries()) {
    const rule = ruleOf(line);
    if (rule === 'bad') return { problem: `has a pattern with a [ that nothing closes in line ${at + 1}` };
    if (rule !== null) rules.push(rule);
  }
  const alive = rules.map((_, index) => ({ index, states: closed(rules[index]?.parts ?? [], [0]) }));
  return { root: placeOf(rules, alive, -1), hasExceptions: rules.some(({ isException }) => isException) };
}

function ruleOf(line: string): Rule | 'bad' | null {
  if (line.startsWith('#')) return null;
  const trimmed = line.trim();
  const isException = trimmed.startsWith('!');
  const written = isException ? trimmed.slice(1).trim() : trimmed;
  if (written === '') return null;
  const clean = posix.normalize(written).replace(/(?<=.)\/$/, '');
  const parts = partsOf([...(clean.length > 1 ? clean.replace(/^\//, '') : clean)]);
  return parts === null ? 'bad' : { isException, parts };
}

/** Null: a class of signs has no end. */
function partsOf(signs: readonly string[]): Part[] | null {
  const parts: Part[] = [];
  for (let at = 0; at < signs.length; at++) {
    const sign = signs[at];
    if (sign === '*' && signs[at + 1] === '*') {
      at += signs[at + 2] === '/' ? 2 : 1;
      // Several in a row take nothing else than one.
      if (at + 1 >= signs.length) parts.push({ kind: 'rest' });
      else if (parts.at(-1)?.kind !== 'folders') parts.push({ kind: 'folders' });
    } else if (sign === '*') parts.push({ kind: 'some' });
    else if (sign === '?') parts.push({ kind: 'one', fits: (unit) => unit !== '/' });
    else if (sign === '[') {
      const end = endOfClass(signs, at);
      if (end === null) return null;
      parts.push({ kind: 'one', fits: classOf(signs.slice(at + 1, end)) });
      at = end;
    } else {
      const literal = sign === '\\' && at + 1 < signs.length ? signs[++at] : sign;
      parts.push({ kind: 'one', fits: (unit) => unit === literal });
    }
  }
  return parts;
}

function endOfClass(signs: readonly string[], start: number): number | null {
  const first = signs[start + 1] === '^' ? start + 2 : start + 1;
  for (let at = first; at < signs.length; at++) {
    if (signs[at] === '\\') at++;
    else if (signs[at] === ']' && at > first) return at;
  }
  return null;
}

function classOf(inside: readonly string[]): Token {
  const isNot = inside[0] === '^';
  const ranges: [string, string][] = [];
  for (let at = isNot ? 1 : 0; at < inside.length; at++) {
    const from = (inside[at] === '\\' ? inside[++at] : inside[at]) ?? '\\';
    const isRange = inside[at + 1] === '-' && at + 2 < inside.length;
    if (isRange) at += inside[at + 2] === '\\' ? 3 : 2;
    ranges.push([from, isRange ? (inside[at] ?? from) : from]);
  }
  return (unit) => ranges.some(([from, to]) => from <= unit && unit <= to) !== isNot;
}

interface Alive {
  index: number;
  /** Twice the number of the next part, and one more within what `folders` takes. */
  states: readonly number[];
}

/** `held`: the last rule that a folder above fits; -1: none. */
function placeOf(rules: readonly Rule[], alive: readonly Alive[], held: number): Place {
  return {
    enter(name) {
      let last = held;
      const signs = [...name];
      const gone = alive.flatMap(({ index, states: before }) => {
        const parts = rules[index]?.parts ?? [];
        let states = before;
        for (const sign of signs) {
          states = stepped(parts, states, sign);
          if (states.length === 0) return [];
        }
        if (states.includes(2 * parts.length)) last = Math.max(last, index);
        return [{ index, states }];
      });
      const isIgnored = last >= 0 && rules[last]?.isException === false;
      return {
        isIgnored,
        below: () =>
          placeOf(
            rules,
            gone.flatMap((one) => intoFolder(rules, one)),
            last,
          ),
      };
    },
  };
}

function intoFolder(rules: readonly Rule[], { index, states }: Alive): Alive[] {
  const next = stepped(rules[index]?.parts ?? [], states, '/');
  return next.length === 0 ? [] : [{ index, states: next }];
}

function stepped(parts: readonly Part[], states: readonly number[], sign: string): number[] {
  const next: number[] = [];
  for (const state of states) {
    const at = state >> 1;
    const part = parts[at];
    if (part === undefined) continue;
    if (part.kind === 'one') {
      if (part.fits(sign)) next.push(2 * (at + 1));
    } else if (part.kind === 'some') {
      if (sign !== '/') next.push(state);
    } else if (part.kind === 'rest') next.push(state);
    else {
      next.push(2 * at + 1);
      if (sign === '/') next.push(2 * (at + 1));
    }
  }
  return closed(parts, next);
}

/** With where they come to without a further sign; each once. */
function closed(parts: readonly Part[], states: readonly number[]): number[] {
  const all = new Set(states);
  for (const state of all) {
    const kind = parts[state >> 1]?.kind;
    const isBehind = kind !== undefined && kind !== 'one' && state % 2 === 0;
    if (isBehind) all.add(state + 2);
  }
  return [...all];
}
