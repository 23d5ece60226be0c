/** The source files of Orca as text with their imports, for the tests that hold the layout. Reads; decides nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Import {
  /** A source file such as `shared/errors.ts`, or a package's name. */
  to: string;
  /** Both `import type` and an import of nothing but types. */
  typeOnly: boolean;
  dynamic: boolean;
}

export interface SourceFile {
  /** From the root of the repository, such as `agent/plan.ts`. */
  path: string;
  text: string;
  lines: number;
  imports: Import[];
}

export const repository = fileURLToPath(new URL('../../../', import.meta.url));

/** Every TypeScript file below these folders of the repository, sorted by path. */
export function sourceFiles(folders: string[]): SourceFile[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    )
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => {
      const text = readFileSync(join(repository, path), 'utf8');
      return { path, text, lines: text.split('\n').length - 1, imports: importsOf(path, text) };
    });
}

/** The text without comments and string literals: what a rule about code may look at. */
export function codeOf(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  for (const [, , typed, what = '', from = ''] of text.matchAll(
    /^(import|export)\s+(type\s)?([^;'"]*?)\s*from\s+'([^']+)'/gms,
  )) {
    const names = what
      .match(/^\{([\s\S]*)\}$/)?.[1]
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    const typeOnly = Boolean(typed) || (names?.every((name) => name.startsWith('type ')) ?? false);
    found.push({ to: resolve(path, from), typeOnly, dynamic: false });
  }
  for (const [, from = ''] of text.matchAll(/^import\s+'([^']+)'/gm)) {
    found.push({ to: resolve(path, from), typeOnly: false, dynamic: false });
  }
  for (const [, from = ''] of text.matchAll(/\bimport\('([^']+)'\)/g)) {
    found.push({ to: resolve(path, from), typeOnly: false, dynamic: true });
  }
  return found;
}

function resolve(path: string, from: string): string {
  if (from.startsWith('.')) return posix.join(posix.dirname(path), from).replace(/\.js$/, '.ts');
  const [scope = '', name = ''] = from.split('/');
  return from.startsWith('@') ? `${scope}/${name}` : scope;
}
