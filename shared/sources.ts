/**
 * Files of a repository, as a master asks a node for them: those of one commit whose path fits a glob, as text. Keyed by an id; a lost answer is
 * asked for again. A node reads one repository at a time, and a newer request of the same webhook ends the older one.
 */
import * as z from 'zod';
import { listOf, name, reason } from './bounds.js';

/** What is read of a repository: as much as `POST /deploy` takes, with room for how text grows in JSON. */
export const MAX_FILES = 500;
export const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_ALL_BYTES = 2 * 1024 * 1024;
/** For clone and reading together. */
export const READ_MS = 120_000;

const secret = z.object({ value: z.string().nullable(), reason: z.string().nullable() });

/** Asked only of agents whose facts say `reads`. */
export const readSourceSchema = z.object({
  type: z.literal('read-source'),
  id: z.string(),
  webhook: z.string(),
  repo: z.string(),
  /** What holds the commit: `refs/heads/main`. */
  ref: z.string(),
  /** Null: what `ref` is at. */
  commit: z
    .string()
    .regex(/^[0-9a-f]{40,64}$/)
    .nullable(),
  /** Globs, as git reads them: `*` within one part of a path. */
  paths: z.array(z.string()),
  insecureHttp: z.boolean(),
  /** The value, or why there is none; null: none is needed. In memory only, the key on a tmpfs while git runs. */
  deployKey: secret.nullable(),
  token: secret.nullable(),
});
export type ReadSource = z.infer<typeof readSourceSchema>;

export const sourceReadSchema = z.object({
  type: z.literal('source-read'),
  id: name,
  /** Why nothing was read; null: it was. */
  problem: reason.nullable(),
  /** Null with a problem. */
  commit: name.nullable(),
  /** By path. */
  files: listOf(z.object({ path: name, text: z.string().max(MAX_FILE_BYTES) }), MAX_FILES),
});
export type SourceRead = z.infer<typeof sourceReadSchema>;
