/**
 * What an ingress node serves, as the master says it: the input of everything in this folder. Pure data, and complete:
 * a site or an allocation that is not in it is no longer served.
 */
import * as z from 'zod';
import { endpointSchema, groupSchema } from '../shared/protocol.js';

/** An allocation of a route. `draining`: out of the records; the ingress watches what is still in flight on it. */
export const routedAllocationSchema = z.object({
  id: z.string(),
  node: z.string(),
  group: groupSchema,
  release: z.number().int(),
  desired: z.enum(['routed', 'draining']),
  /** Where its node said it listens; null while it restarts there. */
  endpoint: endpointSchema.nullable(),
});
export type RoutedAllocation = z.infer<typeof routedAllocationSchema>;

export const routeSchema = z.object({
  /** `project/name`. */
  service: z.string(),
  /** The SRV name its upstreams are looked up by, such as `api.shop.orca`; unique and a valid DNS name. */
  srvName: z.string(),
  domains: z.array(z.string()),
  paths: z.array(z.string()),
  stripPrefix: z.string().nullable(),
  /** Served on the HTTP port and not on the other, for a TLS proxy in front; absent: over HTTPS. */
  httpOnly: z.boolean().optional(),
  /** False: stopped on purpose, answered 503 at once. */
  wanted: z.boolean(),
  /** Percent of the traffic that the canary group gets; 0 without a canary. */
  canaryWeight: z.number(),
  /** A client stays with its group, by cookie. `boundaries`: the weights (1 to 99, rising) that a split may lie at without
   *  a load of Caddy's config. */
  sticky: z.boolean(),
  boundaries: z.array(z.number().int()),
  /** `X-Orca-Group: canary` or `stable` chooses the group. */
  groupHeader: z.boolean(),
  /** Requests are counted by release. */
  measured: z.boolean(),
  /** Not null: every request gets a 503 page with this text; the containers go on. */
  maintenance: z.string().nullable(),
  allocations: z.array(routedAllocationSchema),
  /** Of all that is said here but for who answers: told back once it is in force. Absent: an older master's. */
  mark: z.string().optional(),
});
export type Route = z.infer<typeof routeSchema>;

/** A certificate and key to serve, PEM. Where it comes from (Orca's CA, the user) is the master's business. */
export const certificateSchema = z.object({
  names: z.array(z.string()),
  certPem: z.string(),
  keyPem: z.string(),
  /** It names an OCSP responder, whose answer Caddy staples. Absent: it does not. */
  stapled: z.boolean().optional(),
});
export type Certificate = z.infer<typeof certificateSchema>;

/**
 * What is answered to a CA that asks whether a name is ours: `content` for the path that ends with `token` (HTTP-01: RFC 8555, 8.3), or
 * where `name` is not null, a certificate that stands for it in a handshake for that name (TLS-ALPN-01: RFC 8737).
 */
export const challengeSchema = z.object({
  token: z.string(),
  content: z.string(),
  name: z.string().nullable(),
});
export type Challenge = z.infer<typeof challengeSchema>;

export const ingressSchema = z.object({
  httpPort: z.number().int(),
  httpsPort: z.number().int(),
  /** `auto`, or the path of a caddy binary. */
  caddy: z.string(),
  routes: z.array(routeSchema),
  certificates: z.array(certificateSchema),
  /** Served to names that nobody asked for, so that they get a 404 page instead of a failed handshake. */
  fallbackCertificate: certificateSchema,
  /** The name under which the master's API is served as well; absent: none. */
  apiName: z.string().optional(),
  /** Addresses and ranges whose word about a client counts; absent: nobody's. */
  trustedProxies: z.array(z.string()).optional(),
  /** What `Strict-Transport-Security` says for which names, where their service says nothing itself; absent: nothing. */
  hsts: z.array(z.object({ value: z.string(), names: z.array(z.string()) })).optional(),
  /** Absent: none. */
  challenges: z.array(challengeSchema).optional(),
});
export type Ingress = z.infer<typeof ingressSchema>;
