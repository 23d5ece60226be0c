/** What the assignment that an agent remembers says beyond its containers: what its ingress serves. PURE. */
import * as z from 'zod';
import type { Assignment } from '../../shared/protocol.js';

const certificateSchema = z.object({ names: z.array(z.string()), certPem: z.string(), keyPem: z.string() });
export type RememberedCertificate = z.infer<typeof certificateSchema>;

const ingressSchema = z.object({
  routes: z.array(
    z.object({
      service: z.string(),
      domains: z.array(z.string()),
      allocations: z.array(z.object({ id: z.string(), node: z.string() })),
    }),
  ),
  certificates: z.array(certificateSchema),
  fallbackCertificate: certificateSchema,
});
export type RememberedIngress = z.infer<typeof ingressSchema>;

/** Null for a node without that role, and for what is no ingress. */
export function rememberedIngress(assignment: Assignment | null): RememberedIngress | null {
  const parsed = ingressSchema.safeParse(assignment?.ingress ?? null);
  return parsed.success ? parsed.data : null;
}
