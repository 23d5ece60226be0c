/**
 * How much may stand in one service, and how what is too much is refused: lists and tables before anything in them is looked at, texts
 * before anything is asked of them. Who may only look at a plan writes services too, and what they cost is the master's time.
 * docs/configuration.md has the table.
 */
import * as z from 'zod';
import type { Problem } from './problem.js';

/** Characters. */
export const MAX_TEXT = 4_096;
/** Characters of one argument or one value of the environment: Linux starts no program with a longer one (MAX_ARG_STRLEN). */
export const MAX_WORD = 131_072;

/** Entries of a list or a table. */
export const most = {
  aliases: 200,
  args: 500,
  capabilities: 100,
  depends_on: 200,
  domains: 1_000,
  env: 2_000,
  extra_ports: 1_000,
  labels: 128,
  mounts: 200,
  paths: 200,
  routes: 200,
  secret_files: 200,
  tmpfs: 100,
  volumes: 200,
  words: 2_000,
} as const;

/** Domains times routes: of one service, of all of one project, and of what one call brings. */
export const MAX_PLACES = 10_000;
export const MAX_CALL_PLACES = 100_000;
export const MAX_PROJECT_PLACES = 20_000;

/** Of what is wrong with one service, or with services together, so much is said: whoever has so many mends the first. */
export const MAX_PROBLEMS = 50;
const MANY: Problem = { path: [], message: 'has more problems than are listed' };

export function firstOf<T extends Problem>(problems: readonly T[]): (T | Problem)[] {
  return problems.length <= MAX_PROBLEMS ? [...problems] : [...problems.slice(0, MAX_PROBLEMS), MANY];
}

const MAX_SHOWN = 100;

/** Text of a user in a message, in quotes, cut where it is long. */
export const shown = (value: string): string =>
  JSON.stringify(value.length <= MAX_SHOWN ? value : `${value.slice(0, MAX_SHOWN)}…`);

export function list<T extends z.ZodType>(item: T, atMost: number) {
  return z.preprocess((value, ctx) => {
    if (!Array.isArray(value) || value.length <= atMost) return value;
    return tooMany(ctx, value.length, atMost);
  }, z.array(item));
}

export function tableOf<K extends z.core.$ZodRecordKey, V extends z.ZodType>(
  key: K,
  value: V,
  atMost: number,
) {
  return z.preprocess(
    (given, ctx) => {
      const count = typeof given === 'object' && given !== null ? Object.keys(given).length : 0;
      return count <= atMost ? given : tooMany(ctx, count, atMost);
    },
    z.record(key, value),
  );
}

function tooMany(ctx: z.RefinementCtx, count: number, atMost: number): never {
  ctx.addIssue({ code: 'custom', message: `must have at most ${atMost} entries; it has ${count}` });
  return z.NEVER;
}
