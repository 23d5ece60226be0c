/**
 * Reads a file of services (TOML, or YAML of the same shape). It promises that its services can be deployed together,
 * and refuses with all problems of the file at once, each with line, column and key.
 */
import type { ServiceSpec } from '../spec.js';
import { type Document, invalidFile, readDocument } from './document.js';
import { nearest } from './explain.js';
import { isTable } from './plain.js';
import type { KeyPath, Problem } from './problem.js';
import { readService } from './service.js';
import { checkServiceSet } from './service-set.js';

export interface FileService {
  spec: ServiceSpec;
  /** As it stands in the file, with its project: what `POST /deploy` takes. */
  raw: Record<string, unknown>;
}

/** Each is looked for in the text. */
const MAX_FILE_PROBLEMS = 200;

type FileProblem = Problem & { about: string; shown: KeyPath };

/** The services of a file whose services belong to `project`. Throws CONFIG_INVALID; `file` is how it is named there. */
export async function parseServiceFile(
  text: string,
  file: string,
  project: string,
): Promise<{ services: FileService[] }> {
  const document = await readDocument(text, file);
  const { tables, problems } = tablesOf(document);
  const services: (FileService & { at: number })[] = [];
  for (const [at, table] of tables.entries()) {
    const read = readService(table, project);
    if (read.ok)
      services.push({ at, spec: read.spec, raw: { ...(table as object), project: read.spec.project } });
    else problems.push(...read.problems.map((problem) => inService(problem, at, table)));
  }
  const complete = services.length === tables.length;
  const specs = services.map((service) => service.spec);
  for (const { index, ...problem } of checkServiceSet(specs, { complete })) {
    const at = services[index]?.at ?? 0;
    problems.push(inService(problem, at, tables[at]));
  }
  if (problems.length > 0) throw await invalidFile(document, file, problems.slice(0, MAX_FILE_PROBLEMS));
  return { services: services.map(({ spec, raw }) => ({ spec, raw })) };
}

function tablesOf(document: Document): { tables: unknown[]; problems: FileProblem[] } {
  const data = document.data;
  if (!isTable(data)) return { tables: [], problems: [whole([], 'holds no [[service]]')] };
  const problems = Object.keys(data)
    .filter((key) => key !== 'service')
    .map((key) => whole([key], unknownTopKey(key)));
  if (data.service === undefined || data.service === null) {
    if (problems.length === 0) problems.push(whole([], 'holds no [[service]]'));
    return { tables: [], problems };
  }
  if (!Array.isArray(data.service)) {
    problems.push(
      whole(['service'], 'is a list of services: write [[service]], with two brackets (in YAML "- name: …")'),
    );
    return { tables: [], problems };
  }
  if (data.service.length === 0) problems.push(whole(['service'], 'is empty'));
  return { tables: data.service, problems };
}

function unknownTopKey(key: string): string {
  if (nearest(key, ['service']) !== null) return 'unknown key; did you mean [[service]]?';
  if (['cluster', 'node', 'acme', 'proxy', 'token'].includes(key)) return 'belongs in cluster.toml';
  return 'unknown key; everything here stands under [[service]]';
}

function whole(path: KeyPath, message: string): FileProblem {
  return { path, shown: path, message, about: '' };
}

function inService(problem: Problem, at: number, table: unknown): FileProblem {
  const name = isTable(table) && typeof table.name === 'string' ? table.name : null;
  const about = `service ${name === null ? at + 1 : JSON.stringify(name)}`;
  return { path: ['service', at, ...problem.path], shown: problem.path, message: problem.message, about };
}
