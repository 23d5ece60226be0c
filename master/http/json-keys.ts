/**
 * Keys that stand twice in one table of a body. PURE. JSON.parse takes the last without a word, others the first: two who look at the same
 * body, such as a proxy in front and the master, would see two.
 */
import { OrcaError } from '../../shared/errors.js';

/** Throws BODY_INVALID with the key's name. `text` is JSON, which was parsed before: strings before a colon are keys, and nothing else is. */
export function refuseTwice(text: string): void {
  const tables: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === OPEN_TABLE) tables.push(new Set());
    else if (code === OPEN_LIST) tables.push(null);
    else if (code === CLOSE_TABLE || code === CLOSE_LIST) tables.pop();
    if (code !== QUOTE) continue;
    const end = endOfString(text, at);
    const keys = tables.at(-1);
    if (keys && isBeforeColon(text, end + 1)) note(keys, text.slice(at, end + 1));
    at = end;
  }
}

/** Of the quote that closes the string. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

function isBeforeColon(text: string, from: number): boolean {
  let at = from;
  while (BLANKS.includes(text.charCodeAt(at))) at += 1;
  return text.charCodeAt(at) === COLON;
}

/** Written otherwise (`"a"`, `"\u0061"`) it is the same key. */
function note(keys: Set<string>, written: string): void {
  const key = written.includes('\\') ? (JSON.parse(written) as string) : written.slice(1, -1);
  if (keys.has(key))
    throw new OrcaError(
      'BODY_INVALID',
      `the body has the key ${JSON.stringify(key.slice(0, 100))} twice in one table`,
    );
  keys.add(key);
}

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_TABLE, CLOSE_TABLE] = [0x5b, 0x5d, 0x7b, 0x7d];
const BLANKS = [0x20, 0x09, 0x0a, 0x0d];
