/** What master and agent say of an agent that replaces itself by what the master serves (docs/nodes.md). */
import * as z from 'zod';

/** Asked only of agents whose facts have a `program`; again the same is no second upgrade. */
export const upgradeSchema = z.object({
  type: z.literal('upgrade'),
  version: z.string().max(255),
  /** Of the archive, which the master serves under it. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().positive(),
});
export type Upgrade = z.infer<typeof upgradeSchema>;

/** `starting`: what runs is new, and goes back should it get no session. `failed`: what ran before goes on. */
export const upgradeObservedSchema = z.object({
  version: z.string().max(255),
  state: z.enum(['fetching', 'trying', 'starting', 'failed']),
  reason: z.string().max(2_000).nullable(),
});
export type UpgradeObserved = z.infer<typeof upgradeObservedSchema>;

/** What an agent's program is called on its host; the same archive has the same name everywhere. */
export const programName = (sha256: string): string => `agent-${sha256.slice(0, 12)}`;
