/**
 * What is wrong with a configuration, as data: the key's path and a sentence. Where it stands in its file is added by
 * whoever has the file; all problems of a file are reported together, in one CONFIG_INVALID.
 */
import { OrcaError } from '../errors.js';

export type KeyPath = readonly (string | number)[];

export interface Problem {
  path: KeyPath;
  message: string;
}

/** Line and column, both from 1. */
export interface Place {
  line: number;
  column: number;
}

/** A problem with its place: `line` and `column` count from 1; null where the text has no place for it. */
export interface PlacedProblem {
  file: string | null;
  line: number | null;
  column: number | null;
  key: string;
  message: string;
}

const MAX_KEY = 64;

/** The key as a person writes it: `mounts[1]`, `readiness.path`. */
export function keyText(path: KeyPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const short = part.length <= MAX_KEY ? part : `${part.slice(0, MAX_KEY)}…`;
    const name = /^[\w-]+$/.test(short) ? short : JSON.stringify(short);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** One CONFIG_INVALID for all of them, a line each: `lines` are complete sentences with their place. */
export function invalidConfig(lines: string[], problems: PlacedProblem[]): OrcaError {
  return new OrcaError('CONFIG_INVALID', lines.join('\n'), { details: { problems } });
}
