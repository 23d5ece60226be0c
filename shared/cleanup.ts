/** What a master asks a node to remove of what was built there, and the answer. Both are keyed by an id, and may be lost: then it is asked again. */
import * as z from 'zod';
import { amount, listOf, name, reason, share } from './bounds.js';

export const cleanupSchema = z.object({
  type: z.literal('cleanup'),
  id: name,
  /** Only say what would go. */
  isDry: z.boolean(),
  /** Ids of images that something may need again. */
  keep: listOf(name),
  /** The previews there are (`project/name`): volumes that were made for others go, whatever `isDry` says of images. Absent: none does. */
  previews: listOf(name).optional(),
});
export type Cleanup = z.infer<typeof cleanupSchema>;

export const cleanedSchema = z.object({
  type: z.literal('cleaned'),
  id: name,
  images: listOf(z.object({ tag: name, sizeBytes: amount })),
  /** Volumes that went with their preview; absent: none did. */
  volumes: listOf(name).optional(),
  /** Of the disk that Docker's images are on; null: it can't be told. */
  diskUsedPercent: share.nullable(),
  /** Why the answer is not whole; null: it is. */
  problem: reason.nullable(),
});
export type Cleaned = z.infer<typeof cleanedSchema>;
