/**
 * A TOML or YAML text as data, and where each key of it stands. The parsers that know places are loaded only when a
 * place is asked for, or the text is YAML: a good TOML file costs one quick parse.
 */
import { extname } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { notReadable } from './not-readable.js';
import {
  invalidConfig,
  type KeyPath,
  keyText,
  type Place,
  type PlacedProblem,
  type Problem,
} from './problem.js';

export interface Document {
  data: unknown;
  /** Where the key at `path` stands, or the nearest thing above it. */
  locate(path: KeyPath): Promise<Place | null>;
}

/** Parses by the file's extension: `.yaml` and `.yml` are YAML, the rest TOML. Throws CONFIG_INVALID with the place. */
export async function readDocument(text: string, file: string): Promise<Document> {
  const yaml = ['.yaml', '.yml'].includes(extname(file).toLowerCase());
  return yaml ? readYaml(text, file) : readToml(text, file);
}

/** All problems of one file as one error, a line each: `file:line:column: about: key: message`, in the file's order. */
export async function invalidFile(
  document: Document,
  file: string,
  problems: (Problem & { about: string; shown: KeyPath })[],
): Promise<Error> {
  const placed = await Promise.all(
    problems.map(async (problem) => ({ problem, place: await document.locate(problem.path) })),
  );
  placed.sort(
    (a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0),
  );
  const lines = placed.map(({ problem, place }) => {
    const where = place ? `${file}:${place.line}:${place.column}` : file;
    return [where, problem.about, keyText(problem.shown), problem.message]
      .filter((part) => part !== '')
      .join(': ');
  });
  const details = placed.map(({ problem, place }): PlacedProblem => {
    const key = keyText(problem.shown);
    return { file, line: place?.line ?? null, column: place?.column ?? null, key, message: problem.message };
  });
  return invalidConfig(lines, details);
}

function readToml(text: string, file: string): Document {
  try {
    const data: unknown = parse(text);
    return {
      data,
      async locate(path) {
        const { locateToml } = await import('./locate-toml.js');
        return locateToml(text, path);
      },
    };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
    throw notReadable(file, 'TOML', reason, error);
  }
}

async function readYaml(text: string, file: string): Promise<Document> {
  const { yamlDocument } = await import('./yaml-document.js');
  return yamlDocument(text, file);
}
