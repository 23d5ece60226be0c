/** Bodies of the HTTP API about the audit trail: its entries, as they are kept and hashed, and what a check of them found. */
import * as z from 'zod';

export const auditEntrySchema = z.object({
  /** From 1 on, without a gap. */
  number: z.number(),
  at: z.string(),
  /** What kind of somebody it was, and their name: of a token, node, join token, or webhook with its delivery. */
  kind: z.enum(['token', 'node', 'join-token', 'webhook', 'master', 'nobody']),
  by: z.string(),
  /** The address that the connection came from; null: from inside. */
  from: z.string().nullable(),
  via: z.enum(['cli', 'api']).nullable(),
  /** Such as `POST /services/:name/scale`, or what the master does by itself, such as `delivery.deploy`. */
  action: z.string(),
  /** Such as `/services/api/scale`; null where there is none. */
  path: z.string().nullable(),
  /** `refused`: nothing was changed; `failed`: what was begun before may have been. */
  result: z.enum(['done', 'refused', 'failed']),
  /** Of the error; null: there was none. */
  code: z.string().nullable(),
  /** Services and nodes that were changed by it: the first of them. */
  about: z.array(z.string()),
  /** What it did, in words. Never a value. */
  text: z.string().nullable(),
  /** How often, where equal refusals are told as one. */
  count: z.number(),
  /** The `hash` of the entry before; of the first one 64 zeros. */
  previous: z.string(),
  /** SHA-256 (hex) over the canonical JSON (keys sorted, no blanks) of all else. */
  hash: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** Whether it was somebody of that name; of a delivery, that of its webhook is one too. */
export const isBy = ({ by }: Pick<AuditEntry, 'by'>, name: string): boolean =>
  by === name || by.split(' ').includes(name);

/** As it is told, before it has its place in the chain. */
export type AuditDraft = Omit<AuditEntry, 'number' | 'at' | 'previous' | 'hash'>;

export const auditReplySchema = z.object({ entries: z.array(auditEntrySchema) });
export type AuditReply = z.infer<typeof auditReplySchema>;

const markSchema = z.object({ number: z.number(), hash: z.string() });

export const auditVerdictSchema = z.object({
  ok: z.boolean(),
  /** How many were checked, and which; `first` is 0 when there are none. */
  entries: z.number(),
  first: z.number(),
  /** The last one: keep it elsewhere, and ask with it (`--head`) later. */
  head: markSchema,
  /** The last one that was removed for its age, from which the chain is checked; null: none was. */
  anchor: markSchema.nullable(),
  /** The first that is not as it was written; null: all are. */
  broken: z.object({ number: z.number(), reason: z.string() }).nullable(),
});
export type AuditVerdict = z.infer<typeof auditVerdictSchema>;
