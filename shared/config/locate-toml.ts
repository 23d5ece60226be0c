/** Where a key of a TOML text stands, by toml-eslint-parser's tree. Loaded only to name the place of an error. */
import { type AST, parseTOML } from 'toml-eslint-parser';
import type { KeyPath, Place } from './problem.js';

type Part = string | number;

/** The key at `path`, or the nearest thing above it that is written down; null when nothing is. */
export function locateToml(text: string, path: KeyPath): Place | null {
  let best: { depth: number; place: Place } | null = null;
  for (const [at, node] of places(text)) {
    const matches =
      at.length <= path.length && at.every((part, index) => String(part) === String(path[index]));
    if (!matches || (best !== null && best.depth >= at.length)) continue;
    best = { depth: at.length, place: { line: node.loc.start.line, column: node.loc.start.column + 1 } };
  }
  return best?.place ?? null;
}

function* places(text: string): Generator<[Part[], AST.TOMLNode]> {
  const [top] = parseTOML(text).body;
  for (const node of top.body) {
    if (node.type === 'TOMLKeyValue') yield* pair(node, []);
    else {
      yield [node.resolvedKey, node.key];
      for (const child of node.body) yield* pair(child, node.resolvedKey);
    }
  }
}

function* pair(node: AST.TOMLKeyValue, above: Part[]): Generator<[Part[], AST.TOMLNode]> {
  const path = [...above];
  for (const key of node.key.keys) {
    path.push(key.type === 'TOMLBare' ? key.name : key.value);
    yield [[...path], key];
  }
  yield* content(node.value, path);
}

function* content(node: AST.TOMLContentNode, path: Part[]): Generator<[Part[], AST.TOMLNode]> {
  if (node.type === 'TOMLArray') {
    for (const [index, element] of node.elements.entries()) {
      yield [[...path, index], element];
      yield* content(element, [...path, index]);
    }
  } else if (node.type === 'TOMLInlineTable') {
    for (const child of node.body) yield* pair(child, path);
  }
}
