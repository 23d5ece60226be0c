/** Text of others, made safe to print: no terminal escapes, no control characters but line breaks and tabs. */

/* biome-ignore-start lint/suspicious/noControlCharactersInRegex: control characters are what is removed */
/** ECMA-48: CSI, OSC, DCS and the like up to their end, and two-character escapes; then whatever control is left. */
const escapes =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g;
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/* biome-ignore-end lint/suspicious/noControlCharactersInRegex: until here */

export function clean(text: string): string {
  return text.replace(escapes, '').replaceAll('\r\n', '\n').replace(controls, '');
}

/** For what stands on a line of its own: text of others begins no other line. */
export function oneLine(text: string): string {
  return clean(text).replace(/\s*\n\s*/g, ' ');
}

/** The same for every text inside plain data. */
export function cleaned<T>(value: T): T {
  return deep(value) as T;
}

function deep(value: unknown): unknown {
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map(deep);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [clean(key), deep(item)]));
}
