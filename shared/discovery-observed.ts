/** What a node says of the names that its containers use. */
import * as z from 'zod';

/** `off` and `down` have a reason; `off`: containers there have Docker's names only. */
export const discoveryObservedSchema = z.object({
  state: z.enum(['running', 'down', 'off']),
  reason: z.string().nullable(),
  /** Whose containers may connect by name from here. */
  projects: z.array(z.string()),
  /** Allocations that get no new connection from here, with those that are open. */
  draining: z.array(z.object({ allocation: z.string(), connections: z.number().int() })),
});
export type DiscoveryObserved = z.infer<typeof discoveryObservedSchema>;
