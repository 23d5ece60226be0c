/**
 * How much may stand in what a program says over the wire: a node whose key was stolen speaks the protocol too. What is a name, a time or
 * a count and is out of bounds is refused with the whole message; text for people is cut, for an honest node may have much to say.
 */
import * as z from 'zod';

/** Docker's zero time (the year 1) to the last that has four digits of a year. */
export const FIRST_MS = -62_135_596_800_000;
export const LAST_MS = 253_402_300_799_999;
/** Of one list of a message. */
export const MAX_LISTED = 100_000;
const MAX_NAME = 4_096;
const MAX_REASON = 8_192;
const MAX_LINE = 16_384;

/** A moment, ms since the epoch. */
export const moment = z.number().min(FIRST_MS).max(LAST_MS);
/** How long, in ms; 100 years at most. */
export const span = z.number().min(0).max(3_155_760_000_000);
/** Bytes, cores and the like. */
export const amount = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
/** In percent. */
export const share = z.number().min(0).max(100);
/** An id, a reference, a version. */
export const name = z.string().max(MAX_NAME);
/** Why something is so, for people. */
export const reason = cutAt(MAX_REASON);
/** A line of a log. */
export const line = cutAt(MAX_LINE);

export function listOf<T extends z.ZodType>(item: T, most = MAX_LISTED) {
  return z.array(item).max(most);
}

function cutAt(most: number) {
  return z.string().overwrite((text) => (text.length <= most ? text : `${whole(text.slice(0, most - 1))}…`));
}

/** Without half of a character at its end. */
const whole = (text: string): string => text.replace(/[\ud800-\udbff]$/, '');
