/** What is no TOML, or no YAML, as an error with its place. */
import { invalidConfig, type Place } from './problem.js';

export function notReadable(file: string, kind: string, reason: string, { line, column }: Place): Error {
  const message = `not valid ${kind}: ${reason}`;
  return invalidConfig([`${file}:${line}:${column}: ${message}`], [{ file, line, column, key: '', message }]);
}
