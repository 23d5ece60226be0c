/** Bodies of the HTTP API about joining: tokens, the request of a host that joins, and the renewal of a node's certificate. */
import * as z from 'zod';
import { labelsSchema } from './api-nodes.js';
import { PROTOCOL_VERSION } from './protocol.js';

const DAY_MS = 86_400_000;
export const DEFAULT_TOKEN_TTL_MS = 3_600_000;
export const MAX_TOKEN_TTL_MS = 365 * DAY_MS;
export const MAX_TOKEN_USES = 1_000;

export const createJoinTokenSchema = z.object({
  ttl_secs: z
    .number()
    .min(1)
    .max(MAX_TOKEN_TTL_MS / 1_000)
    .nullish(),
  uses: z.number().int().min(1).max(MAX_TOKEN_USES).nullish(),
  /** What nodes that join with it are labelled; cluster.toml goes over it. */
  labels: labelsSchema.nullish(),
});
export type CreateJoinToken = z.infer<typeof createJoinTokenSchema>;

export const joinTokenViewSchema = z.object({
  id: z.string(),
  state: z.enum(['usable', 'used', 'expired', 'revoked']),
  labels: labelsSchema,
  uses: z.number(),
  uses_left: z.number(),
  /** Ids of the nodes that joined with it, oldest first. */
  nodes: z.array(z.string()),
  created_by: z.string(),
  created_at: z.string(),
  expires_at: z.string(),
});
export type JoinTokenView = z.infer<typeof joinTokenViewSchema>;

/** `token` is shown here and never again. */
export const joinTokenCreatedSchema = joinTokenViewSchema.extend({ token: z.string() });
export type JoinTokenCreated = z.infer<typeof joinTokenCreatedSchema>;

export const joinTokensReplySchema = z.object({ tokens: z.array(joinTokenViewSchema) });
export type JoinTokensReply = z.infer<typeof joinTokensReplySchema>;

/** A name as a host has it: what a person types after `orca nodes cordon`. */
export const nodeNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/,
    'must be letters, digits, ".", "_" and "-", as in a host name',
  );

/** Hosts may be of a later version, and say more. */
export const joinRequestSchema = z.looseObject({
  token: z.string().max(256),
  /** PKCS#10 in PEM, P-256, signed with the node's own key. */
  csr: z.string().max(8_192),
  name: nodeNameSchema,
  /** Where other nodes reach this one; shown until its agent says so itself. */
  address: z.string().max(255),
  protocol: z.number().int().describe(`this master speaks ${PROTOCOL_VERSION}`),
  /** The host's time, ISO 8601. */
  clock: z.iso.datetime(),
});
export type JoinRequest = z.infer<typeof joinRequestSchema>;

/** What a host asks before it joins: would it be let in, and does the master reach it? */
export const joinCheckSchema = joinRequestSchema.extend({
  /** A port that the host has opened at `address` for this question, where it says `nonce` to whoever connects. */
  way_back: z
    .object({ port: z.number().int().min(1_024).max(65_535), nonce: z.string().regex(/^[0-9a-f]{32}$/) })
    .nullable(),
});
export type JoinCheck = z.infer<typeof joinCheckSchema>;

export const joinCheckReplySchema = z.object({
  /** Null when no way back was asked about. */
  reached: z.boolean().nullable(),
});
export type JoinCheckReply = z.infer<typeof joinCheckReplySchema>;

/** What a node is told of itself. */
export const ownNodeSchema = z.object({
  node_id: z.string(),
  name: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  clock: z.iso.datetime(),
});
export type OwnNode = z.infer<typeof ownNodeSchema>;

export const renewRequestSchema = z.looseObject({ csr: z.string().max(8_192) });

export const renewReplySchema = z.object({
  node_id: z.string(),
  /** PEM; its common name is the node id. */
  certificate: z.string(),
  ca: z.string(),
  expires_at: z.string(),
  cluster_id: z.string(),
  cluster_name: z.string(),
});
export type RenewReply = z.infer<typeof renewReplySchema>;

export const joinReplySchema = renewReplySchema.extend({
  /** True when the host kept the id that it had. */
  rejoined: z.boolean(),
});
export type JoinReply = z.infer<typeof joinReplySchema>;
