/** What a master asks a node to remove of what was built there, and the answer. Both are keyed by an id, and may be lost: then it is asked again. */
import * as z from 'zod';

export const cleanupSchema = z.object({
  type: z.literal('cleanup'),
  id: z.string(),
  /** Only say what would go. */
  isDry: z.boolean(),
  /** Ids of images that something may need again. */
  keep: z.array(z.string()),
  /** The previews there are (`project/name`): volumes that were made for others go, whatever `isDry` says of images. Absent: none does. */
  previews: z.array(z.string()).optional(),
});
export type Cleanup = z.infer<typeof cleanupSchema>;

export const cleanedSchema = z.object({
  type: z.literal('cleaned'),
  id: z.string(),
  images: z.array(z.object({ tag: z.string(), sizeBytes: z.number() })),
  /** Volumes that went with their preview; absent: none did. */
  volumes: z.array(z.string()).optional(),
  /** Of the disk that Docker's images are on; null: it can't be told. */
  diskUsedPercent: z.number().nullable(),
  /** Why the answer is not whole; null: it is. */
  problem: z.string().nullable(),
});
export type Cleaned = z.infer<typeof cleanedSchema>;
