/** Bodies of the HTTP API about secrets. A value goes in; none ever comes out. */
import * as z from 'zod';

/** The kernel takes 128 KiB for one environment variable. */
export const MAX_SECRET_BYTES = 64 * 1024;

export const secretViewSchema = z.object({
  key: z.string(),
  /** Null: of all projects. */
  project: z.string().nullable(),
  /** Previews may have it too. */
  preview: z.boolean(),
  /** Names the value without saying anything of it. */
  version: z.string(),
  set_at: z.string(),
  by: z.string(),
  /** `project/name` of the services that have it; `outdated`: with an older value, until their next deploy. */
  used_by: z.array(z.object({ service: z.string(), outdated: z.boolean() })),
});
export type SecretView = z.infer<typeof secretViewSchema>;

export const secretsReplySchema = z.object({ secrets: z.array(secretViewSchema) });
export type SecretsReply = z.infer<typeof secretsReplySchema>;

/** What is wrong with it is said without it. */
const value = z.custom<string>((given) => typeof given === 'string', 'must be text');

/** Whether previews may have it; absent or null: as before, and a new one is not for them. */
const preview = z.boolean().nullish();

export const setSecretSchema = z.object({ value, preview, redeploy: z.boolean().optional() });
export const setSecretsSchema = z.object({
  secrets: z
    .array(z.object({ key: z.string(), value }))
    .min(1)
    .max(1_000),
  preview,
  redeploy: z.boolean().optional(),
});

/** What came of a change, and of the services that use what was changed. */
export const secretsChangedSchema = z.object({
  ok: z.string(),
  secrets: z.array(
    z.object({
      key: z.string(),
      project: z.string().nullable(),
      change: z.enum(['added', 'changed', 'unchanged', 'removed']),
    }),
  ),
  services: z.array(
    z.object({
      service: z.string(),
      /** `current`: it has that value already; `outdated`: it keeps an older one until its next deploy. */
      state: z.enum(['current', 'outdated', 'redeployed', 'failed']),
      /** Of the rollout that was begun. */
      rollout: z.string().nullable(),
      error: z.string().nullable(),
    }),
  ),
});
export type SecretsChanged = z.infer<typeof secretsChangedSchema>;

export const keyRotatedSchema = z.object({
  ok: z.string(),
  /** What was sealed and could not be opened; it stays as it is. */
  unreadable: z.array(z.string()),
});
export type KeyRotated = z.infer<typeof keyRotatedSchema>;
