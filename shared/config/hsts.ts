/** The key `hsts` of a service: `true`, or a table that says more. Read into what the header says (RFC 6797, 6.1). */
import * as z from 'zod';
import { duration } from './fields.js';
import { isTable } from './plain.js';

const DAY_MS = 86_400_000;
/** What `hsts = true` means: a year, as browsers want it for their lists. */
const DEFAULT_MS = 365 * DAY_MS;
const MAX_MS = 3_650 * DAY_MS;

const table = z
  .strictObject({
    max_age: duration(0, MAX_MS).optional(),
    include_subdomains: z.boolean().optional(),
    preload: z.boolean().optional(),
  })
  .transform(({ max_age = DEFAULT_MS, include_subdomains = false, preload = false }) => ({
    maxAgeSecs: Math.floor(max_age / 1_000),
    includeSubdomains: include_subdomains,
    preload,
  }));

export const hsts = z.preprocess((value, ctx) => {
  if (typeof value === 'boolean') return value ? {} : undefined;
  if (value === undefined || isTable(value)) return value;
  ctx.addIssue({ code: 'custom', message: 'must be true, or a table such as { max_age = "365d" }' });
  return z.NEVER;
}, table.optional());
