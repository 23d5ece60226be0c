/**
 * Turns what zod found into sentences a person can act on: what is expected, what stands there, and for an unknown key
 * the nearest right one.
 */
import { distance } from 'fastest-levenshtein';
import * as z from 'zod';
import { firstOf, MAX_PROBLEMS } from './limits.js';
import { valueAt } from './plain.js';
import { type KeyPath, keyText, type Problem } from './problem.js';

type Issue = z.core.$ZodIssue;

/** Words of other tools, and the key that means the same here. */
const synonyms: Record<string, string> = {
  args: 'command',
  cpus: 'cpu',
  environment: 'env',
  healthcheck: 'readiness',
  host: 'domain',
  hostname: 'domain',
  listen_port: 'port',
  mem: 'memory',
  ports: 'extra_ports',
  scale: 'replicas',
};

/** Taken from files of the Rust Orca, and not offered to anyone. */
const olderKeys = new Set([
  'runtime',
  'cmd',
  'pull_policy',
  'volume',
  'host_port',
  'network',
  'restart_policy',
  'api_port',
  'api_bind',
  'api_tokens',
]);

/** One problem for each thing wrong, in the order zod found them, and no more than are said. `input` is what was parsed. */
export function problemsOf(issues: readonly Issue[], schema: z.ZodType, input: unknown): Problem[] {
  const problems: Problem[] = [];
  for (const issue of issues) {
    if (problems.length > MAX_PROBLEMS) break;
    problems.push(...explain(issue, schema, input));
  }
  return firstOf(problems);
}

function explain(issue: Issue, schema: z.ZodType, input: unknown): Problem[] {
  const path = issue.path.filter((part): part is string | number => typeof part !== 'symbol');
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys
        .slice(0, MAX_PROBLEMS + 1)
        .map((key) => ({ path: [...path, key], message: unknownKey(schema, path, key) }));
    case 'invalid_type':
      return [{ path, message: wrongType(issue.expected, valueAt(input, path)) }];
    case 'invalid_value':
      return [{ path, message: wrongValue(issue.values.map(String), valueAt(input, path)) }];
    case 'too_small':
      return [
        {
          path,
          message:
            issue.origin === 'array'
              ? 'must not be empty'
              : `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${size(issue.minimum)}; it is ${show(valueAt(input, path))}`,
        },
      ];
    case 'too_big':
      return [{ path, message: tooBig(issue.origin, issue.maximum, valueAt(input, path)) }];
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? 'is not a key that can stand here' }];
    case 'invalid_union':
      return [{ path, message: issue.errors.at(-1)?.[0]?.message ?? issue.message }];
    default:
      return [{ path, message: issue.message }];
  }
}

function unknownKey(schema: z.ZodType, path: KeyPath, key: string): string {
  const known = keysAt(schema, path);
  const near = nearest(key, known);
  if (near !== null) return `unknown key; did you mean ${keyText([...path, near])}?`;
  const others = allKeys(schema).filter((other) => other.length !== path.length + 1);
  const name = synonyms[key] ?? key;
  const elsewhere = others.find((other) => other.at(-1) === name);
  if (elsewhere) return `unknown key here; ${whereItBelongs(elsewhere)}`;
  return `unknown key; known here: ${known.filter((one) => !olderKeys.has(one)).join(', ')}`;
}

function whereItBelongs(path: string[]): string {
  const name = path.at(-1) ?? '';
  return path.length === 1
    ? `${name} belongs at the service's own level, above its tables`
    : `did you mean ${keyText(path)}?`;
}

/** What is longer is no slip, and to compare it costs as much as it is long. */
const MAX_NAME = 64;

/** The known name that is nearest to what was written, or null when none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (name.length > MAX_NAME) return null;
  const lower = name.toLowerCase().replaceAll('-', '_');
  const synonym = synonyms[lower];
  if (synonym !== undefined && known.includes(synonym)) return synonym;
  const limit = name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3));
  const ranked = known
    .map((candidate) => ({ candidate, steps: distance(lower, candidate) }))
    .filter(({ candidate, steps }) => steps <= limit || (lower.length >= 4 && candidate.startsWith(lower)))
    .sort((a, b) => a.steps - b.steps || lengthApart(a.candidate, lower) - lengthApart(b.candidate, lower));
  return ranked[0]?.candidate ?? null;
}

/** Letters that changed places are as many as before. */
const lengthApart = (a: string, b: string): number => Math.abs(a.length - b.length);

function wrongType(expected: string, value: unknown): string {
  if (value === undefined) return `is required`;
  const wanted = typeNames[expected] ?? `must be ${expected}`;
  const quoted = expected === 'string' && ['number', 'boolean'].includes(typeof value);
  return `${wanted}; it is ${show(value)}${quoted ? ` (write it in quotes: "${String(value)}")` : ''}`;
}

const typeNames: Record<string, string> = {
  string: 'must be a text',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  array: 'must be a list, such as ["a", "b"]',
  object: 'must be a table',
  record: 'must be a table',
};

function wrongValue(values: string[], value: unknown): string {
  const near = typeof value === 'string' ? nearest(value, values) : null;
  const hint = near === null ? '' : `; did you mean "${near}"?`;
  return `must be ${values.map((one) => `"${one}"`).join(' or ')}, not ${show(value)}${hint}`;
}

function tooBig(origin: string, limit: number | bigint, value: unknown): string {
  if (origin !== 'string') return `must be at most ${size(limit)}; it is ${show(value)}`;
  return `must have at most ${size(limit)} characters; it has ${String(value).length}`;
}

function size(limit: number | bigint): string {
  return String(limit);
}

function show(value: unknown): string {
  if (value instanceof Date) return 'a date';
  const json = JSON.stringify(value) ?? 'nothing';
  const short = json.length > 60 ? `${json.slice(0, 57)}…` : json;
  if (Array.isArray(value)) return `a list (${short})`;
  return typeof value === 'object' && value !== null ? `a table (${short})` : short;
}

function keysAt(schema: z.ZodType, path: KeyPath): string[] {
  let here: z.ZodType | undefined = bare(schema);
  for (const part of path) {
    if (here instanceof z.ZodArray && typeof part === 'number') here = bare(here.element as z.ZodType);
    else if (here instanceof z.ZodObject) here = bare(here.shape[part] as z.ZodType | undefined);
    else return [];
  }
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function allKeys(schema: z.ZodType, path: string[] = []): string[][] {
  const here = bare(schema);
  if (here instanceof z.ZodArray) return allKeys(here.element as z.ZodType, path);
  if (!(here instanceof z.ZodObject)) return [];
  return Object.entries(here.shape).flatMap(([key, child]) => [
    [...path, key],
    ...allKeys(child as z.ZodType, [...path, key]),
  ]);
}

function bare(schema: z.ZodType | undefined): z.ZodType | undefined {
  if (schema instanceof z.ZodOptional) return bare(schema.unwrap() as z.ZodType);
  if (!(schema instanceof z.ZodPipe)) return schema;
  // What is written stands on the side that no transformation made.
  return bare((schema.out instanceof z.ZodTransform ? schema.in : schema.out) as z.ZodType);
}
