/** Moments as text. */
import { FIRST_MS, LAST_MS } from './bounds.js';

/** A moment in words of ISO 8601. Never throws: of what is stored already, some was said by nodes before there were bounds. */
export const isoOf = (atMs: number): string =>
  new Date(Number.isFinite(atMs) ? Math.min(Math.max(atMs, FIRST_MS), LAST_MS) : 0).toISOString();
