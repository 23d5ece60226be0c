/** Builds and deploy keys over the API. */
import * as z from 'zod';
import { builderKindSchema, buildStateSchema } from './build.js';

export const buildViewSchema = z.object({
  id: z.string(),
  service: z.string(),
  project: z.string(),
  rollout: z.string(),
  state: buildStateSchema,
  /** What it does or waits for, why it failed, or what came of it. */
  reason: z.string().nullable(),
  repo: z.string(),
  ref: z.string(),
  commit: z.string().nullable(),
  author: z.string().nullable(),
  subject: z.string().nullable(),
  image: z.string().nullable(),
  node: z.string().nullable(),
  by: z.string(),
  queued_at: z.string(),
  started_at: z.string().nullable(),
  ended_at: z.string().nullable(),
  /** From its clone to its end, or to now. */
  duration_ms: z.number().nullable(),
  size_bytes: z.number().nullable(),
  /** Which of Docker's; null until it is known. */
  builder: builderKindSchema.nullable(),
  /** Of one that has failed. */
  last_logs: z.array(z.string()),
});
export type BuildView = z.infer<typeof buildViewSchema>;

export const buildsReplySchema = z.object({ builds: z.array(buildViewSchema) });
export type BuildsReply = z.infer<typeof buildsReplySchema>;

/** A line of `GET /builds/{id}/logs` (newline-delimited JSON). */
export const buildLineSchema = z.object({ at: z.string(), text: z.string() });
export type BuildLine = z.infer<typeof buildLineSchema>;

export const deployKeyReplySchema = z.object({
  service: z.string(),
  /** The name of the secret that holds the private half, and the project that it is of. */
  secret: z.string(),
  project: z.string(),
  /** As the repository takes it. */
  public_key: z.string(),
  fingerprint: z.string(),
});
export type DeployKeyReply = z.infer<typeof deployKeyReplySchema>;

export const cleanupReplySchema = z.object({
  nodes: z.array(
    z.object({
      node: z.string(),
      /** What was removed, or would be. */
      images: z.array(z.object({ tag: z.string(), size_bytes: z.number() })),
      problem: z.string().nullable(),
    }),
  ),
});
export type CleanupReply = z.infer<typeof cleanupReplySchema>;

/** What comes to a service and is no rollout yet, or is what its rollout waits for. */
export const pendingSchema = z.object({
  kind: z.enum(['push', 'build']),
  /** Of the delivery, or of the build. */
  id: z.string(),
  commit: z.string().nullable(),
  /** What it does or waits for. */
  reason: z.string().nullable(),
});
export type PendingView = z.infer<typeof pendingSchema>;
