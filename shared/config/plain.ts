/**
 * Takes foreign data (TOML, YAML, JSON) into plain objects: `null` means unset and is dropped, and a `__proto__` key is
 * a problem, never an assignment.
 */
import type { KeyPath, Problem } from './problem.js';

const MAX_DEPTH = 32;

/** A copy without unset keys. Lists keep their nulls: there they are wrong values, and the schema says so. */
export function withoutUnset(value: unknown, problems: Problem[], path: KeyPath = []): unknown {
  if (path.length > MAX_DEPTH) {
    problems.push({ path: path.slice(0, 4), message: 'is nested too deeply' });
    return {};
  }
  if (Array.isArray(value)) return value.map((item, index) => withoutUnset(item, problems, [...path, index]));
  if (!isTable(value)) return value;
  const kept: [string, unknown][] = [];
  for (const key of Object.keys(value)) {
    if (key === '__proto__') problems.push({ path: [...path, key], message: 'unknown key' });
    else if (value[key] !== null && value[key] !== undefined) {
      kept.push([key, withoutUnset(value[key], problems, [...path, key])]);
    }
  }
  return Object.fromEntries(kept);
}

/** True for a table of keys: an object that is neither a list nor a date. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The value at a path, or undefined. */
export function valueAt(value: unknown, path: KeyPath): unknown {
  let here = value;
  for (const part of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string | number, unknown>)[part];
  }
  return here;
}
