/** A YAML text as data, and where each key of it stands. The only file that loads the parser, which only YAML pays for. */
import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document as YamlDocument,
} from 'yaml';
import { notReadable } from './not-readable.js';
import type { KeyPath, Place } from './problem.js';

/** Throws CONFIG_INVALID. */
export function yamlDocument(
  text: string,
  file: string,
): { data: unknown; locate(path: KeyPath): Promise<Place | null> } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const error = document.errors[0];
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw notReadable(file, 'YAML', error.message.split('\n')[0] ?? '', { line, column: col });
  }
  try {
    return { data: document.toJS() as unknown, locate: async (path) => placeInYaml(document, lines, path) };
  } catch (cause) {
    throw notReadable(file, 'YAML', cause instanceof Error ? cause.message : String(cause), {
      line: 1,
      column: 1,
    });
  }
}

function placeInYaml(document: YamlDocument, lines: LineCounter, path: KeyPath): Place | null {
  let here: unknown = document.contents;
  let offset: number | null = isNode(here) ? (here.range?.[0] ?? null) : null;
  for (const part of path) {
    if (isMap(here)) {
      const pair = here.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (!pair) break;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      here = pair.value;
    } else if (isSeq(here) && typeof part === 'number') {
      here = here.items[part];
      if (isNode(here)) offset = here.range?.[0] ?? offset;
    } else break;
  }
  if (offset === null) return null;
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}
