/** How deep a body may nest. PURE. Whoever walks a value goes down by calling itself, so that a deep one would end in a stack that is full. */
import { OrcaError } from '../../shared/errors.js';

/** Nothing that is asked for nests deeper than ten. */
const MAX_DEPTH = 64;

/** Throws BODY_INVALID. What stands in strings does not count. */
export function refuseDeep(text: string): void {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isInString) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) isInString = false;
    } else if (code === QUOTE) isInString = true;
    else if (code === OPEN_LIST || code === OPEN_TABLE) depth += 1;
    else if (code === CLOSE_LIST || code === CLOSE_TABLE) depth -= 1;
    if (depth > MAX_DEPTH)
      throw new OrcaError('BODY_INVALID', `the body nests deeper than ${MAX_DEPTH} lists and tables`);
  }
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_TABLE, CLOSE_TABLE] = [
  0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d,
];
