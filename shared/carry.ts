/**
 * Images that no registry has are carried from node to node (docs/images.md): what the master tells a node of them, and what
 * a node says. Who may read which image is the master's word to the node that serves it, never the reader's own.
 */
import * as z from 'zod';
import { listOf, name, reason, share } from './bounds.js';

/** Where nodes serve images to each other; tried first, so that it can be let through a firewall by number. */
export const IMAGES_PORT = 6881;

/** A node that has the image. `port`: where its agent serves images; null: it is reached through the master only. */
export const carrySourceSchema = z.object({
  node: name,
  name,
  address: name,
  port: z.number().int().nullable(),
});
export type CarrySource = z.infer<typeof carrySourceSchema>;

/** An image that this node needs and lacks; the first source is asked first. `reason`: why there is none. `from`: where the cluster's
 *  registry has it (`host/name@sha256:…`), which is then the only source. */
export const carryFetchSchema = z.object({
  imageId: name,
  ref: name,
  sources: listOf(carrySourceSchema),
  reason: reason.nullable(),
  from: name.optional(),
  /** No node is known to have it. */
  isNowhere: z.boolean().optional(),
});
export type CarryFetch = z.infer<typeof carryFetchSchema>;

/** An image that the nodes `readers` (ids) may read from this one. */
export const carryServeSchema = z.object({
  imageId: name,
  ref: name,
  readers: listOf(name),
});
export type CarryServe = z.infer<typeof carryServeSchema>;

/** An image that this node is to push to the cluster's registry, as `to`. */
export const carryPushSchema = z.object({ imageId: name, ref: name, to: name });
export type CarryPush = z.infer<typeof carryPushSchema>;

/** What came of it: `at` is where the registry has it, by digest; or the reason why it has not. */
export const carryPushedSchema = z.object({
  imageId: name,
  at: name.nullable(),
  reason: reason.nullable(),
});
export type CarryPushed = z.infer<typeof carryPushedSchema>;

export const carrySchema = z.object({
  /** Ids of images that no registry has: the agent says of each whether it is here, and never pulls it. */
  watch: listOf(name),
  fetch: listOf(carryFetchSchema),
  serve: listOf(carryServeSchema),
  /** Absent: none. */
  push: listOf(carryPushSchema).optional(),
});
export type Carry = z.infer<typeof carrySchema>;

/** Of the watched images: those that are here and kept, and those that a container could not be made from. */
export const carryObservedSchema = z.object({
  holds: listOf(name),
  lacks: listOf(name),
  /** Where the agent serves images; 0: through the master only, since it could not listen; null: it does not serve any yet. */
  port: z.number().int().nullable(),
  /** Why it can't serve what it is asked to; null: it can, or is not asked. */
  problem: reason.nullable(),
  /** Absent: none. */
  pushed: listOf(carryPushedSchema).optional(),
});
export type CarryObserved = z.infer<typeof carryObservedSchema>;

/** Who a node is at a registry, from the master's memory to the agent's. */
export const registryAuthSchema = z.object({
  username: z.string(),
  password: z.string().nullable(),
  reason: reason.nullable(),
});
export type SentRegistry = z.infer<typeof registryAuthSchema>;

/** A node wants to read from this one and can't reach it: it waits at the master's `/relay` under this id. */
export const relayOpenSchema = z.object({ type: z.literal('relay-open'), id: name });
export type RelayOpen = z.infer<typeof relayOpenSchema>;

/** How both ends ask the master for a relayed connection (`Upgrade`, RFC 9110 7.8): `/relay/to/NODE` and `/relay/from/ID`. */
export const RELAY_PROTOCOL = 'orca-relay';

/** What the agent that serves an image answers to `POST /images/HEX`; `digest` is that of its manifest. */
export const preparedSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('preparing'), percent: share }),
  z.object({ state: z.literal('ready'), digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) }),
  z.object({ state: z.literal('failed'), reason }),
]);
export type Prepared = z.infer<typeof preparedSchema>;

/** The hex of an image id; null for what is none. */
export const hexOfImage = (imageId: string): string | null =>
  /^sha256:([0-9a-f]{64})$/.exec(imageId)?.[1] ?? null;
