/** Bodies of the HTTP API about nodes: their labels, their role, their drain, and the moves of a rebalance. */
import * as z from 'zod';

export const labelKeySchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
    'must be up to 63 letters, digits, ".", "_", "/" and "-", a letter or digit first',
  );

export const labelsSchema = z.record(labelKeySchema, z.string().max(255));

export const labelChangeSchema = z.object({
  set: labelsSchema.nullish(),
  remove: z.array(labelKeySchema).max(100).nullish(),
});
export type LabelChangeRequest = z.infer<typeof labelChangeSchema>;

export const nodeRoleSchema = z.object({ role: z.enum(['ingress', 'worker']) });

export const drainViewSchema = z.object({
  by: z.string(),
  since: z.string(),
  /** `project/name` of the service that leaves now. */
  moving: z.string().nullable(),
  /** What can't leave, with the reason. */
  blocked: z.array(z.object({ service: z.string(), reason: z.string() })),
  /** When nothing was left on it. */
  done_at: z.string().nullable(),
});
export type DrainView = z.infer<typeof drainViewSchema>;

export const nodeUpgradeReplySchema = z.object({
  node: z.string(),
  version: z.string(),
  /** What its agent runs from once that is done: `program` of its status. */
  program: z.string(),
  /** It does already; nothing was asked of it. */
  is_there: z.boolean(),
});
export type NodeUpgradeReply = z.infer<typeof nodeUpgradeReplySchema>;

export const rebalanceRequestSchema = z.object({ dry_run: z.boolean().nullish() });

export const rebalanceReplySchema = z.object({
  ok: z.string(),
  /** One an allocation; `to` is where it would go as things are now. */
  moves: z.array(z.object({ allocation: z.string(), from: z.string(), to: z.string() })),
});
export type RebalanceReply = z.infer<typeof rebalanceReplySchema>;
