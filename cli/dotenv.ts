/**
 * The dotenv form, read strictly: `KEY=value`, `export KEY=value`, `'…'` as it stands, `"…"` with `\n`, `\r`, `\t`, `\"`, `\\` and `\$`;
 * quoted values may have several lines, what follows ` #` outside of quotes is a comment. Anything else is refused with its line and the
 * reason, and never with the value. Nothing is put in place of `$NAME`. Pure.
 */
import { OrcaError } from '../shared/errors.js';
import { secretNameProblem } from '../shared/secret-reference.js';

export interface Entry {
  key: string;
  value: string;
}

/** All entries in their order. Throws CONFIG_INVALID with everything that is wrong; `file` opens each line. */
export function parseDotenv(text: string, file: string): Entry[] {
  const reader: Reader = { text: text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n'), at: 0 };
  const entries: (Entry & { line: number })[] = [];
  const problems: string[] = [];
  while (reader.at < reader.text.length) {
    const line = lineAt(reader);
    const read = readEntry(reader);
    if (typeof read === 'string') problems.push(`${file}:${line}: ${read}`);
    else if (read !== null) {
      const first = entries.find(({ key }) => key === read.key);
      if (first) problems.push(`${file}:${line}: ${read.key} is in line ${first.line} already`);
      entries.push({ ...read, line });
    }
  }
  if (entries.length === 0 && problems.length === 0) problems.push(`${file}: there is no KEY=value in it`);
  if (problems.length > 0) throw new OrcaError('CONFIG_INVALID', problems.join('\n'), { details: problems });
  return entries.map(({ key, value }) => ({ key, value }));
}

interface Reader {
  text: string;
  at: number;
}

const lineAt = ({ text, at }: Reader): number => text.slice(0, at).split('\n').length;

/** The rest of the line; the reader is then behind it. */
function restOfLine(reader: Reader): string {
  const end = reader.text.indexOf('\n', reader.at);
  const rest = reader.text.slice(reader.at, end < 0 ? undefined : end);
  reader.at = end < 0 ? reader.text.length : end + 1;
  return rest;
}

/** Null: a line without an entry; text: what is wrong. */
function readEntry(reader: Reader): Entry | string | null {
  const begin = reader.at;
  const whole = restOfLine(reader);
  if (/^\s*(#|$)/.test(whole)) return null;
  const head = /^\s*(?:export\s+)?([^=\s]+)\s*=[ \t]*/.exec(whole);
  if (head?.[1] === undefined) return 'must be KEY=value';
  const key = head[1];
  const problem = secretNameProblem(key);
  if (problem !== null) return `its name ${problem}`;
  const quote = whole[head[0].length];
  if (quote !== '"' && quote !== "'") return withValue(key, plainValue(whole.slice(head[0].length)));
  reader.at = begin + head[0].length + 1;
  const value = quotedValue(reader, quote);
  if (value === null) return `${key} begins with ${quote}, which nothing ends`;
  if (typeof value !== 'string') return `${key}: ${value.problem}`;
  return /^\s*(#.*)?$/.test(restOfLine(reader))
    ? withValue(key, value)
    : `${key}: something follows its last ${quote}`;
}

const plainValue = (text: string): string => text.replace(/(^|\s)#.*$/, '').trim();

const withValue = (key: string, value: string): Entry | string =>
  value === '' ? `${key} has no value; give it one or take the line out` : { key, value };

const escapes: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['"', '"'],
  ['\\', '\\'],
  ['$', '$'],
]);

/** Up to the quote that ends it; null: none does, and the line is passed over. */
function quotedValue(reader: Reader, quote: string): string | { problem: string } | null {
  const begin = reader.at;
  let value = '';
  let problem: string | null = null;
  for (; reader.at < reader.text.length; reader.at += 1) {
    const char = reader.text[reader.at] ?? '';
    if (char === quote) {
      reader.at += 1;
      return problem === null ? value : { problem };
    }
    if (char !== '\\' || quote === "'") value += char;
    else {
      reader.at += 1;
      const meant = escapes.get(reader.text[reader.at] ?? '');
      if (meant === undefined) problem = 'there is no such escape; in "…" write \\\\ for \\, or use \'…\'';
      value += meant ?? '';
    }
  }
  reader.at = begin;
  restOfLine(reader);
  return null;
}
