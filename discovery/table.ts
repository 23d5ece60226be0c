/**
 * What the master says of names: which services of a node's projects there are, at which address, and who answers there. Part of
 * the node's assignment, complete, and the same for every node that the project is on.
 */
import * as z from 'zod';

const endpoint = z.object({ address: z.string(), port: z.number().int() });

const namedAllocationSchema = z.object({
  id: z.string(),
  node: z.string(),
  group: z.enum(['stable', 'canary']),
  /** It gets no new connection; those that it has go on. */
  draining: z.boolean(),
  /** Where it is reached; null: it is not ready. */
  endpoint: endpoint.nullable(),
  /** Its endpoint leads to it on its own node only. */
  ownNodeOnly: z.boolean(),
});
export type NamedAllocation = z.infer<typeof namedAllocationSchema>;

const namedServiceSchema = z.object({
  service: z.string(),
  project: z.string(),
  /** The service's own name and its aliases. */
  names: z.array(z.string()),
  /** Its virtual address, which it keeps. */
  address: z.string(),
  /** Its declared port: more than one while releases differ in it. All lead to the port of whoever answers. */
  ports: z.array(z.number().int()),
  /** Percent of new connections for the canary. */
  canaryWeight: z.number(),
  allocations: z.array(namedAllocationSchema),
});
export type NamedService = z.infer<typeof namedServiceSchema>;

export const tableSchema = z.object({
  /** All virtual addresses of the cluster, as `10.213.0.0/16`. */
  range: z.string(),
  /** The one among them where containers ask for names. */
  dns: z.string(),
  services: z.array(namedServiceSchema),
});
export type Table = z.infer<typeof tableSchema>;
