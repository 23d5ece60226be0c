/** What a node says of the names that its containers use. */
import * as z from 'zod';
import { listOf, name, reason } from './bounds.js';

/** `off` and `down` have a reason; `off`: containers there have Docker's names only. */
export const discoveryObservedSchema = z.object({
  state: z.enum(['running', 'down', 'off']),
  reason: reason.nullable(),
  /** Whose containers may connect by name from here. */
  projects: listOf(name),
  /** Allocations that get no new connection from here, with those that are open. */
  draining: listOf(z.object({ allocation: name, connections: z.number().int() })),
});
export type DiscoveryObserved = z.infer<typeof discoveryObservedSchema>;
