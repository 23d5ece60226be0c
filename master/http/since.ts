/** `?since=`: a time, or how long ago. */
import { FIRST_MS, LAST_MS } from '../../shared/bounds.js';
import { parseDuration } from '../../shared/duration.js';
import { OrcaError } from '../../shared/errors.js';

/** Milliseconds of `10m` (that long ago), or of a time that Date can read; null: it is not given. */
export function readSince(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ago = parseDuration(text);
  const atMs = ago === null ? Date.parse(text) : Date.now() - ago;
  if (!(atMs >= FIRST_MS && atMs <= LAST_MS))
    throw new OrcaError('BODY_INVALID', `since: "${text}" is neither a duration nor a time`);
  return atMs;
}
