/** Bodies of the HTTP API about taking over what runs on held nodes. */
import * as z from 'zod';
import { groupSchema } from './protocol.js';

export const adoptRequestSchema = z.object({
  /** Names or ids; absent or empty: every held node. */
  nodes: z.array(z.string()).nullish(),
  /** Also when copies are missing: those are made anew. */
  partial: z.boolean().nullish(),
});
export type AdoptRequest = z.infer<typeof adoptRequestSchema>;

export const adoptReplySchema = z.object({
  /** True in the answer to `POST`: it is done. */
  adopted: z.boolean(),
  nodes: z.array(
    z.object({
      node_id: z.string(),
      name: z.string(),
      /** Where it is known from: what its agent remembers, or the labels of containers. */
      source: z.enum(['memory', 'labels', 'nothing']),
      revision: z.number(),
      copies: z.number(),
    }),
  ),
  /** Nodes of which nothing is known now. */
  away: z.array(z.object({ name: z.string(), reason: z.string() })),
  services: z.array(
    z.object({
      service: z.string(),
      project: z.string(),
      image: z.string(),
      release: z.string().nullable(),
      replicas: z.number(),
      domains: z.array(z.string()),
      /** Fixed ports of the host. */
      ports: z.array(z.string()),
      /** What is under way, in a sentence. */
      rollout: z.string().nullable(),
      copies: z.array(
        z.object({
          id: z.string(),
          node: z.string(),
          slot: z.number(),
          group: groupSchema,
          release: z.string(),
          image: z.string(),
          state: z.string(),
        }),
      ),
      /** What can't be known again. */
      unknown: z.array(z.string()),
    }),
  ),
  /** Services of this store of which nothing runs any more. */
  stopped: z.array(z.string()),
  /** Copies that are on no node that is here. */
  missing: z.array(z.string()),
  /** Why it can't be done. */
  conflicts: z.array(z.string()),
});
export type AdoptReply = z.infer<typeof adoptReplySchema>;
