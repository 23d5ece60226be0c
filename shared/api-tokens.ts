/** Bodies of the HTTP API about tokens: which there are, what a new one may do, and what is known of those who guess. */
import { z } from 'zod';
import { dnsLabel } from './config/fields.js';

export const roles = ['admin', 'deployer', 'viewer'] as const;
export type Role = (typeof roles)[number];

/** Ten years: what lasts longer is meant to last for ever. */
export const MAX_TTL_MS = 3_650 * 86_400_000;
export const MAX_OVERLAP_MS = 30 * 86_400_000;
const MAX_PROJECTS = 100;

const seconds = (maxMs: number) =>
  z
    .number()
    .min(1)
    .max(maxMs / 1_000);

export const createTokenSchema = z.object({
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
      'must be letters, digits, ".", "_" and "-", 63 at most, such as "ci"',
    ),
  role: z.enum(roles),
  /** Null or absent: of all projects. */
  projects: z.array(dnsLabel).min(1).max(MAX_PROJECTS).nullish(),
  /** Null or absent: it does not expire. */
  ttl_secs: seconds(MAX_TTL_MS).nullish(),
});
export type CreateToken = z.infer<typeof createTokenSchema>;

export const rotateTokenSchema = z.object({
  /** For how long the old value goes on beside the new one; null or absent: not at all. */
  overlap_secs: seconds(MAX_OVERLAP_MS).nullish(),
});

export const tokenViewSchema = z.object({
  name: z.string(),
  role: z.enum(roles),
  /** Null: all of them. */
  projects: z.array(z.string()).nullable(),
  source: z.enum(['made', 'cluster.toml', 'cluster.token']),
  state: z.enum(['usable', 'expired', 'revoked']),
  /** Of cluster.toml, and so short or monotonous that it can be guessed. Absent: of an older master, which does not say. */
  weak: z.boolean().optional(),
  created_by: z.string().nullable(),
  created_at: z.string().nullable(),
  /** Null: it does not. */
  expires_at: z.string().nullable(),
  /** To within a minute over a `kill -9`; null: it was not, or not since it was made. */
  last_used: z.object({ at: z.string(), from: z.string() }).nullable(),
  /** Until when the value of before its last rotation is taken too; null: it is not. */
  previous_until: z.string().nullable(),
});
export type TokenView = z.infer<typeof tokenViewSchema>;

/** `token` is shown here and never again. */
export const tokenCreatedSchema = tokenViewSchema.extend({ token: z.string(), ca_fingerprint: z.string() });
export type TokenCreated = z.infer<typeof tokenCreatedSchema>;

export const tokensReplySchema = z.object({
  tokens: z.array(tokenViewSchema),
  /** Wrong tokens since the master started, and who sends so many now that it is slowed. */
  guessing: z.object({
    failures: z.number(),
    slowed: z.array(z.object({ from: z.string(), failures: z.number(), until: z.string() })),
  }),
});
export type TokensReply = z.infer<typeof tokensReplySchema>;

/** What a token may ask about itself. */
export const ownTokenSchema = z.object({
  name: z.string(),
  role: z.enum(roles),
  projects: z.array(z.string()).nullable(),
  expires_at: z.string().nullable(),
  cluster_name: z.string(),
});
export type OwnToken = z.infer<typeof ownTokenSchema>;
