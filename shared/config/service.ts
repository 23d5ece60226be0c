/**
 * Reads one service, from a file or from an API body, into a `ServiceSpec`. It promises that what it returns can be
 * planned, and refuses the rest with every problem at once: where, which key, what is wrong, and the nearest right key.
 */
import type { z } from 'zod';
import type { ServiceSpec } from '../spec.js';
import { checkService } from './check.js';
import { nearest, problemsOf } from './explain.js';
import { dnsLabel } from './fields.js';
import { refuseRustKeys } from './legacy.js';
import { firstOf, shown } from './limits.js';
import { normalize } from './normalize.js';
import { isTable, withoutUnset } from './plain.js';
import { invalidConfig, keyText, type Problem } from './problem.js';
import { serviceSchema } from './service-schema.js';

export type ReadService = { ok: true; spec: ServiceSpec } | { ok: false; problems: Problem[] };

/**
 * A service in file keys (`null` means unset) as a specification. `where` opens each line of the error, such as
 * `services[0] "api"`; `project` holds when the body names none. Throws CONFIG_INVALID.
 */
export function parseServiceBody(value: unknown, where: string, project = 'default'): ServiceSpec {
  const read = readService(value, project);
  if (read.ok) return read.spec;
  const problems = read.problems.map(({ path, message }) => {
    return { file: null, line: null, column: null, key: keyText(path), message };
  });
  const lines = problems.map(({ key, message }) => `${where}: ${key === '' ? '' : `${key}: `}${message}`);
  throw invalidConfig(lines, problems);
}

/** The same without throwing; paths of the problems are relative to the service. */
export function readService(value: unknown, project: string): ReadService {
  if (!isTable(value)) return { ok: false, problems: [{ path: [], message: 'must be a table of keys' }] };
  const problems: Problem[] = [];
  const table = withoutUnset(value, problems) as Record<string, unknown>;
  problems.push(...refuseRustKeys(table, 'service'));
  const parsed = serviceSchema.safeParse(table);
  if (!parsed.success) {
    problems.push(...problemsOf(parsed.error.issues, serviceSchema, table));
    problems.push(...checkRest(table, parsed.error.issues));
  } else problems.push(...checkService(parsed.data), ...checkProject(parsed.data.project ?? project));
  if (problems.length > 0 || !parsed.success) return { ok: false, problems: firstOf(problems) };
  return { ok: true, spec: normalize(parsed.data, project) };
}

const MAX_UNKNOWN = 50;

/** What can be said of the keys that are right, while others are wrong. */
function checkRest(table: Record<string, unknown>, issues: readonly z.core.$ZodIssue[]): Problem[] {
  const unknown = issues.flatMap((one) =>
    one.code === 'unrecognized_keys' && one.path.length === 0 ? one.keys : [],
  );
  // So many are no slips: what the others come to together says nothing.
  if (unknown.length > MAX_UNKNOWN) return [];
  const meant = unknown.flatMap((key) => nearest(key, Object.keys(serviceSchema.shape)) ?? []);
  const broken = new Set([...issues.map(({ path }) => String(path[0] ?? '')), ...unknown, ...meant]);
  const rest = serviceSchema.safeParse(
    Object.fromEntries(Object.entries(table).filter(([key]) => !broken.has(key))),
  );
  return rest.success ? checkService(rest.data, broken) : [];
}

/** A project that the table names was checked with it; this is the one it stands in. */
function checkProject(project: string): Problem[] {
  if (dnsLabel.safeParse(project).success) return [];
  const message = `${shown(project)} is no name for a project: rename its folder to lower-case letters, digits and inner hyphens, or set project`;
  return [{ path: ['project'], message }];
}
